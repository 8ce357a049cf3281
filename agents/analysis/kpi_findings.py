"""What was measured of KPIs, as findings: sentences for a person, and the figures that the sentences quote."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.analysis.absences import Absence, Reporting
from agents.analysis.earlier_days import day_slack
from agents.analysis.findings import CauseKind, Finding, FindingKind, Scalar, Source, nothing_seen
from agents.analysis.metrics import OUTWARD, is_share, nature_of
from agents.analysis.onsets import Onset
from agents.analysis.shapes import plateau, trending
from agents.analysis.shifts import Shift
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.spread import Spread
from agents.analysis.words import clock, figure, from_to, in_unit, times_as_much

__all__ = [
    "Judged",
    "Surroundings",
    "absent_finding",
    "figures",
    "measured_by",
    "normal_finding",
    "nothing_measured",
    "shift_finding",
    "silence_of_all",
    "slack_data",
    "spread_finding",
]


@dataclass(frozen=True, slots=True)
class Judged:
    """A shift and how notable it is in the light of its service's load."""

    shift: Shift
    score: float
    load_explained: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a finding says of a series beyond itself: is its service measured within, and that one's slowest answers.

    `apart` has the labels that tell a metric's series apart, of metrics that have several.
    """

    instrumented: bool = True
    slowest: Shift | None = None
    apart: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def name(self, series: KpiSeries) -> str:
        """`cart cpu_usage`, or `cart cpu_usage (pod=a)` where other pods of it are measured too."""
        labels = ", ".join(f"{key}={series.labels.get(key, '')}" for key in self.apart.get(series.metric, ()))
        return f"{series.service} {series.metric}{f' ({labels})' if labels else ''}"


def shift_finding(judged: Judged, onset: Onset, about: Surroundings, window: Window) -> Finding:
    """Return the finding on a notable shift."""
    shift, series = judged.shift, judged.shift.series
    kind = _shape(shift, window)
    return Finding(
        source=Source.KPIS,
        kind=kind,
        service=series.service,
        indicator=series.metric,
        subject=f"{series.service}|{series.metric}|{kind}",
        statement=_sentence(judged, kind, onset.at, about.name(series)),
        score=judged.score,
        onset=onset.at,
        direction=shift.direction,
        data={
            **figures(judged, about),
            **measured_by(shift, window),
            "onset_early_s": onset.at - onset.after,
            "onset_late_s": onset.by - onset.at,
        },
    )


def spread_finding(shift: Shift, spread: Spread, about: Surroundings, window: Window) -> Finding:
    """Return the finding on a series that varies otherwise than before about the same level."""
    series = shift.series
    since = float(shift.grid.times[spread.start])
    level = Judged(shift, spread.score)
    told = f"{figure(spread.before)} to {figure(spread.after)}{in_unit(series.unit)}"
    how = "varies more" if spread.direction > 0 else "varies less"
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.VARIANCE_CHANGE,
        service=series.service,
        indicator=series.metric,
        subject=f"{series.service}|{series.metric}|{FindingKind.VARIANCE_CHANGE}",
        statement=(
            f"{about.name(series)} {how} than before: most of its samples were within {told} of "
            f"each other, from {clock(since)} on"
        ),
        score=spread.score,
        onset=since,
        direction=spread.direction,
        data={
            **figures(level, about),
            # It did not move: nothing may be concluded from how far.
            "after": shift.before,
            "ratio": 1.0,
            # Swinging hurts, whichever way of moving would.
            "good_high": False,
            "spread_before": spread.before,
            "spread_after": spread.after,
            **_span(since, float(shift.grid.times[shift.grid.incident(window).stop - 1]), window),
        },
    )


def figures(judged: Judged, about: Surroundings) -> Mapping[str, Scalar]:
    """Return what a finding on a shift holds of it, whatever it says."""
    shift, slowest = judged.shift, about.slowest
    return {
        "metric_kind": shift.nature.kind.value,
        "good_high": shift.nature.good_high,
        "client": shift.nature.client,
        "starved": shift.nature.starved,
        "before": shift.before,
        "after": shift.after,
        "ratio": _ratio(shift.before, shift.after),
        "yesterday": shift.yesterday,
        "unit": shift.series.unit,
        "load_explained": judged.load_explained,
        "instrumented": about.instrumented,
        "latency_level": slowest.before if slowest else None,
        "latency_unit": slowest.series.unit if slowest else None,
        "host": shift.series.labels.get("host"),
        "labels": json.dumps(dict(shift.series.labels), sort_keys=True, ensure_ascii=False),
    }


def measured_by(shift: Shift, window: Window) -> Mapping[str, Scalar]:
    """Return what makes the score, and of which samples `after` is the median."""
    times = shift.grid.times
    span = _span(float(times[shift.start]), float(times[shift.stop - 1]), window)
    slack = {} if shift.yesterday is None else slack_data(shift)
    return {"notable": shift.notable, **span, **slack}


def slack_data(shift: Shift) -> Mapping[str, Scalar]:
    """Return by how much less than so many seconds samples of the same time of another day may be off."""
    return {"day_slack_s": round(day_slack(shift.grid), 6)}


def _span(first: float, last: float, window: Window) -> Mapping[str, Scalar]:
    """The first and the last of the samples, in seconds since the window began."""
    return {"span_from_s": round(first - window.start, 6), "span_to_s": round(last - window.start, 6)}


def _ratio(before: float, after: float) -> float | None:
    ratio = after / before if before else math.inf
    return ratio if math.isfinite(ratio) else None


def _shape(shift: Shift, window: Window) -> FindingKind:
    values = shift.values
    part = values[shift.start : shift.stop]
    if plateau(shift.nature.kind, shift.series.metric, values[: shift.start], part, shift.series.unit):
        return FindingKind.SATURATION
    if trending(part):
        return FindingKind.TREND
    rest = values[shift.stop : shift.grid.incident(window).stop]
    over = part.size <= rest.size and _is_back(shift, rest)
    return FindingKind.SPIKE if over else FindingKind.LEVEL_SHIFT


def _is_back(shift: Shift, rest: FloatArray) -> bool:
    """Whether most of what followed lies nearer to the old level: noise alone may end the stretch that strayed most."""
    known = rest[~np.isnan(rest)]
    halfway = shift.before + (shift.after - shift.before) / 2
    return known.size > 0 and bool((np.median(known) - halfway) * shift.direction < 0)


_VERBS = {
    FindingKind.SATURATION: ("is at its limit: it went", "is at its limit: it went"),
    FindingKind.TREND: ("keeps rising: it went", "keeps falling: it went"),
    FindingKind.SPIKE: ("spiked", "dipped"),
}


def _sentence(judged: Judged, kind: FindingKind, onset: float, name: str) -> str:
    shift, series = judged.shift, judged.shift.series
    up, down = _VERBS.get(kind, ("rose", "fell"))
    share = series.unit == "1" and is_share(series.metric)
    text = (
        f"{name} {up if shift.direction > 0 else down} "
        f"{from_to(shift.before, shift.after, series.unit, share=share)}"
        f"{times_as_much(shift.before, shift.after)} at {clock(onset)}"
    )
    if judged.load_explained:
        return f"{text}, in step with its load"
    return f"{text}, as it did at that time the day before" if _is_daily(shift) else text


def _is_daily(shift: Shift) -> bool:
    """Whether it did at least half as much at the same time yesterday."""
    moved = shift.after - shift.before
    return shift.yesterday is not None and shift.yesterday / moved >= 1 / 2 if moved else False


def absent_finding(absences: Sequence[Absence], regular: int) -> Finding:
    """Return the finding on a service of whose `regular` series these are absent: the more of them, the stronger.

    A service whose answers alone are measured no more is called no more, which is its callers' doing.
    """
    top = max(absences, key=lambda one: (one.stopped, one.score))
    first, many = absences[0], len(absences)
    uncalled = many < regular and all(nature_of(one.metric).kind in OUTWARD for one in absences)
    how = "stopped reporting" if top.stopped else "reports only now and then"
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.MISSING_DATA,
        service=first.service,
        indicator=first.metric,
        subject=f"{first.service}|{first.metric}|{FindingKind.MISSING_DATA}",
        statement=f"{first.service} {how} {many} of its {regular} metrics, {first.metric} among them",
        score=top.score * many / regular,
        onset=min(one.since for one in absences),
        data={
            "metrics": many,
            "regular": regular,
            "metric_kind": (CauseKind.TRAFFIC if uncalled else CauseKind.UNKNOWN).value,
            "client": uncalled,
        },
    )


def silence_of_all(found: Reporting, window: Window) -> Finding:
    """Return the finding that most services fell silent together: that is the measuring, not the services."""
    services = {one.service for one in found.absent}
    since = float(np.median([one.since for one in found.absent]))
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.NO_DATA,
        service="",
        subject="||silence",
        statement=(
            f"{len(services)} of {len(found.regular)} services stopped reporting KPIs at {clock(since)}, all about "
            f"at once: what they did from then on was not seen"
        ),
        onset=max(since, window.start),
        data={"services": len(services), "regular": len(found.regular)},
    )


def normal_finding(strongest: Judged, metrics: int, about: Surroundings, window: Window) -> Finding:
    """Return the finding that all metrics of a service are in their range; it has the strongest's score."""
    service = strongest.shift.series.service
    all_of_them = (
        "its one metric stayed in its normal range"
        if metrics == 1
        else f"all {metrics} metrics stayed in their normal range"
    )
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.NORMAL,
        service=service,
        indicator=strongest.shift.series.metric,
        subject=f"{service}||{FindingKind.NORMAL}",
        statement=f"{service}: {all_of_them}",
        score=strongest.score,
        direction=strongest.shift.direction,
        data={**figures(strongest, about), **measured_by(strongest.shift, window), "metrics": metrics},
    )


def nothing_measured(window: Window) -> Finding:
    """Return the finding that no series could be measured."""
    return nothing_seen(Source.KPIS, f"No KPI has samples both before and after {clock(window.start)}")
