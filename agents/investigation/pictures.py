"""The series behind the strongest measurements, thinned out and kept: what a report draws is what was looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.metrics import is_share
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.investigation.picture import Picture
from agents.investigation.state import Claim, GraphState, first_alarm_at
from schemas.events.evidence import Evidence
from schemas.events.report import ReportFigure

__all__ = ["figures_of", "pictures_of", "thinned"]

_POINTS: Final = 120
_FIGURES: Final = 4
_OF_ONE_CAUSE: Final = 2
# The strongest services have a cause among them; of each, the strongest metric of every kind may be the one cited.
_SERVICES: Final = 8
_KINDS: Final = 4
# The change should be seen against some of what went before, and not squeezed to the edge by half an hour of it.
_BEFORE: Final = 3.0
_LEAST_BEFORE: Final = 30
_USUAL: Final = (0.05, 0.95)
_SEEN: Final = frozenset(
    {
        FindingKind.LEVEL_SHIFT,
        FindingKind.SPIKE,
        FindingKind.TREND,
        FindingKind.SATURATION,
        FindingKind.VARIANCE_CHANGE,
    }
)


def pictures_of(
    kpis: Sequence[KpiSeries], findings: Sequence[Finding], window: Window, alarm: tuple[str, str]
) -> tuple[Picture, ...]:
    """Return pictures of what may decide: the strongest findings of the strongest services, and the alarm's own metric.

    `alarm` is the service and the metric that the first alarm is about; either may be empty.
    """
    series: dict[tuple[str, str], list[KpiSeries]] = {}
    for one in kpis:
        series.setdefault((one.service, one.metric), []).append(one)
    wanted = {(one.service, one.indicator): _usual_of(one) for one in _telling(findings, alarm[0])}
    if alarm in series:
        wanted.setdefault(alarm, None)
    drawn = (
        _picture(_meant(series[name], before, window), window)
        for name, before in wanted.items()
        if name in series
    )
    return tuple(one for one in drawn if one is not None)


def _usual_of(finding: Finding) -> object:
    """The level before; of what stayed away `before` is where it would be."""
    return finding.data.get("usual", finding.data.get("before"))


def _telling(findings: Sequence[Finding], alarmed: str) -> Iterator[Finding]:
    """The strongest of each kind of metric, of the services with the strongest findings and of the alarmed one."""
    services: dict[str, dict[object, Finding]] = {}
    shown = [one for one in findings if one.source is Source.KPIS and one.kind in _SEEN]
    for one in sorted(shown, key=lambda f: (-(f.score or 0.0), f.subject)):
        services.setdefault(one.service, {}).setdefault(one.data.get("metric_kind"), one)
    first = [alarmed] if alarmed in services else []
    for service in dict.fromkeys([*first, *list(services)[:_SERVICES]]):
        yield from list(services[service].values())[:_KINDS]


def _meant(several: Sequence[KpiSeries], before: object, window: Window) -> KpiSeries:
    """Which of several series of one name (of its instances) the finding is about: the one with that usual level."""
    if len(several) == 1 or not isinstance(before, (int, float)):
        return several[0]
    return min(several, key=lambda one: abs(_level(one, window) - before))


def _level(series: KpiSeries, window: Window) -> float:
    usual = _baseline(series, window)
    return float(np.median(usual)) if usual.size else np.inf


def _baseline(series: KpiSeries, window: Window) -> FloatArray:
    first, split = np.searchsorted(series.times, [window.baseline_start, window.start])
    usual = series.values[first:split]
    if window.disturbed:
        usual = usual[[window.usual(time) for time in series.times[first:split]]]
    return usual[np.isfinite(usual)]


def _picture(series: KpiSeries, window: Window) -> Picture | None:
    good = np.isfinite(series.values)
    times, values = series.times[good], series.values[good]
    split, end = (int(i) for i in np.searchsorted(times, [window.start, window.end + 1e-9]))
    lead = int(np.searchsorted(times, window.start - _BEFORE * (window.end - window.start)))
    first = max(min(lead, split - _LEAST_BEFORE), int(np.searchsorted(times, window.baseline_start)), 0)
    if end - first < 2:
        return None
    kept = first + thinned(values[first:end], _POINTS)
    usual = _baseline(series, window)
    scale = 100.0 if _is_percent(series, values[first:end]) else 1.0
    band = np.quantile(usual, _USUAL) * scale if usual.size else None
    return Picture(
        service=series.service,
        indicator=series.metric,
        unit="%" if scale > 1 else series.unit,
        start=datetime.fromtimestamp(float(times[first]), tz=UTC),
        offsets=np.ascontiguousarray(times[kept] - times[first]).tobytes(),
        values=np.ascontiguousarray(values[kept] * scale).tobytes(),
        normal_low=None if band is None else float(band[0]),
        normal_high=None if band is None else float(band[1]),
    )


def _is_percent(series: KpiSeries, values: FloatArray) -> bool:
    """A share of a whole reads as percent, as in the sentences."""
    return series.unit == "1" and is_share(series.metric) and bool(np.all((values >= 0) & (values <= 1)))


def thinned(values: FloatArray, most: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the places of at most so many (even) samples in order: of each stretch the smallest and the largest.

    So no peak is lost, and what is drawn was measured.
    """
    size = values.size
    if size <= most:
        return np.arange(size)
    stretches = most // 2
    length = -(-size // stretches)
    padded = np.concatenate([values, np.full(stretches * length - size, values[-1])]).reshape(
        stretches, length
    )
    begin = np.arange(stretches) * length
    places = np.concatenate([begin + np.argmin(padded, axis=1), begin + np.argmax(padded, axis=1)])
    return np.unique(np.minimum(places, size - 1))


def figures_of(state: GraphState, claims: Sequence[Claim]) -> tuple[ReportFigure, ...]:
    """Return what decided, as pictures: the first cause, what the alarm was about, then the other suspects."""
    kept = {(one.service, one.indicator): one for one in state.pictures}
    evidence = [one for one in state.current_evidence if one.step == Source.KPIS]
    chosen = [one for one in _decisive(state, claims, evidence) if (one.service, one.indicator) in kept]
    distinct: dict[tuple[str, str], Evidence] = {}
    for one in chosen:
        distinct.setdefault((one.service, one.indicator), one)
    told = list(distinct.values())[:_FIGURES]
    alarm_at = first_alarm_at(state.request)
    return tuple(_figure(kept[one.service, one.indicator], one, alarm_at) for one in told)


def _decisive(state: GraphState, claims: Sequence[Claim], evidence: Sequence[Evidence]) -> Iterator[Evidence]:
    known = {one.event_id: one for one in evidence}
    cited = [_cited(claim, known) for claim in claims]
    if cited:
        yield from cited[0][:_OF_ONE_CAUSE]
    yield from _of_the_alarm(state, evidence)
    for others in cited[1:]:
        yield from others[:1]
    if cited:
        yield from cited[0][_OF_ONE_CAUSE:]
    else:
        yield from sorted(evidence, key=lambda one: (-(one.score or 0.0), one.event_id))[:_OF_ONE_CAUSE]


def _cited(claim: Claim, known: Mapping[str, Evidence]) -> list[Evidence]:
    """What a claim cites of measurements: its own indicator first, then the strongest."""
    cited = [known[i] for i in claim.evidence_ids if i in known]
    return sorted(cited, key=lambda one: (one.indicator != claim.indicator, -(one.score or 0.0)))


def _of_the_alarm(state: GraphState, evidence: Iterable[Evidence]) -> list[Evidence]:
    """The metric that the alarm names, or else the strongest of its service."""
    own = [one for one in evidence if one.service == state.alarm_service and one.kind in _SEEN]
    ordered = sorted(own, key=lambda one: (one.indicator != state.alarm_indicator, -(one.score or 0.0)))
    return ordered[:1]


def _figure(picture: Picture, one: Evidence, alarm_at: datetime) -> ReportFigure:
    return ReportFigure(
        service=picture.service,
        indicator=picture.indicator,
        unit=picture.unit,
        caption=one.statement,
        evidence_id=one.event_id,
        start=picture.start,
        offsets_s=tuple(np.frombuffer(picture.offsets).tolist()),
        values=tuple(np.frombuffer(picture.values).tolist()),
        normal_low=picture.normal_low,
        normal_high=picture.normal_high,
        onset=one.onset,
        alarm_at=alarm_at,
    )
