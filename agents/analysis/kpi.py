"""Which KPIs left their normal range in the incident window: how far, when, which way, of what shape.

Each series is measured against its own baseline: the shift of the median, in units of the largest of its robust
noise, its normal wander over spans of the same length, and a share of its level below which nobody would care.
All series on one time grid are measured together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.metrics import RESOURCES, SYMPTOMS, MetricNature, nature_of
from agents.analysis.robust import Matrix, row_mad, row_median, row_quantile
from agents.analysis.shapes import missing_share, onset_of, plateau, trending
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.words import clock, figure, times_as_much

__all__ = ["MIN_BASELINE", "NOTABLE_SIGMAS", "analyse_kpis"]

# A shift of this many robust sigmas scores 1: far outside what hundreds of healthy series do by chance.
NOTABLE_SIGMAS = 4.0
# A relative shift of this size scores 1 however quiet the baseline: less is not worth waking anyone.
NOTABLE_SHARE = 0.2
# Failing one request in fifty scores 1.
NOTABLE_FAILURES = 0.02
# Fewer healthy samples than this say nothing about what is normal.
MIN_BASELINE = 4
_SEGMENTS = 4
# What can be seen of a service from outside; any other metric proves that it is measured within.
_OUTWARD = SYMPTOMS | {CauseKind.TRAFFIC}
_MIN_SEGMENT = 3
# Load explains a resource that moved with it by up to this power of the load's own change.
_LOAD_ELASTICITY = 1.3


@dataclass(frozen=True, slots=True)
class _Shift:
    """One series measured: `score` 1 is notable; `start` and `stop` bound the shifted samples in the window."""

    series: KpiSeries
    nature: MetricNature
    before: float
    after: float
    score: float
    start: int
    stop: int
    load_explained: bool = False
    instrumented: bool = True

    @property
    def direction(self) -> int:
        return int(np.sign(self.after - self.before))


def analyse_kpis(kpis: Sequence[KpiSeries], window: Window) -> tuple[Finding, ...]:
    """Findings on the series, strongest first; one `normal` finding for each service without a notable one.

    A service's `normal` finding carries its strongest score (below 1), so that weak evidence can still order a
    tail. Series with fewer than `MIN_BASELINE` healthy samples are skipped; without any usable series the answer
    is one `no_data` finding.
    """
    ordered = sorted(kpis, key=lambda k: (k.service, k.metric))
    inside = {k.service for k in kpis if nature_of(k.metric).kind not in _OUTWARD}
    measured = [shift for grid in _grids(ordered) for shift in _measure(grid, window)]
    shifts = [replace(shift, instrumented=shift.series.service in inside) for shift in measured]
    if not shifts:
        return (_no_data(window),)
    judged = _discount_load(shifts)
    findings = [_finding(shift, window) for shift in judged if shift.score >= 1]
    findings += _absences(ordered, window)
    loud = {finding.service for finding in findings}
    findings += _normals([shift for shift in judged if shift.series.service not in loud])
    return tuple(sorted(findings, key=lambda f: (-(f.score or 0.0), f.subject)))


def _grids(kpis: Iterable[KpiSeries]) -> list[list[KpiSeries]]:
    """Series grouped by equal time stamps."""
    groups: dict[bytes, list[KpiSeries]] = {}
    last: KpiSeries | None = None
    key = b""
    for series in kpis:
        if last is None or series.times is not last.times:
            key = series.times.tobytes()
        groups.setdefault(key, []).append(series)
        last = series
    return list(groups.values())


def _measure(grid: Sequence[KpiSeries], window: Window) -> list[_Shift]:
    times = grid[0].times
    table = np.stack([series.values for series in grid])
    natures = [nature_of(series.metric) for series in grid]
    split, end = (int(i) for i in np.searchsorted(times, [window.start, window.end + 1e-9]))
    first = int(np.searchsorted(times, window.baseline_start))
    baseline, inside = table[:, first:split], table[:, split:end]
    if baseline.shape[1] == 0 or inside.shape[1] == 0:
        return []
    usable = (np.sum(~np.isnan(baseline), axis=1) >= MIN_BASELINE) & np.any(~np.isnan(inside), axis=1)
    center = row_median(baseline)
    alarmed = int(np.searchsorted(times, window.alarm_at)) - split
    bounds = _segments(inside.shape[1], alarmed)
    unit = _unit(baseline, inside, center, natures, min(b - a for a, b in bounds))
    scores = np.stack([np.abs(row_median(inside[:, a:b]) - center) for a, b in bounds]) / unit
    best = np.argmax(np.nan_to_num(scores, nan=-1.0), axis=0)
    shifts = []
    for row in map(int, np.flatnonzero(usable)):
        start, stop = bounds[int(best[row])]
        after = float(np.nanmedian(inside[row, start:stop]))
        shift = _Shift(
            grid[row],
            natures[row],
            float(center[row]),
            after,
            float(scores[best[row], row]),
            start + split,
            stop + split,
        )
        shifts.append(shift)
    return shifts


def _segments(samples: int, alarmed: int) -> list[tuple[int, int]]:
    """Stretches of a window to look for a shift in, longest first, three samples or more where there are that many.

    They begin at a quarter of the window or at the alarm (sample `alarmed`) and last to its end; or they are over
    sooner, but not before the alarm: what was over then did not raise it.
    """
    parts = max(1, min(_SEGMENTS, samples // _MIN_SEGMENT))
    edges = {round(i * samples / parts) for i in range(parts + 1)}
    starts = (edges | {max(alarmed, 0)}) - {samples}
    lasting = {(start, samples) for start in starts if samples - start >= min(samples, _MIN_SEGMENT)}
    passing = {
        (start, stop)
        for start in starts
        for stop in edges
        if start <= alarmed and stop - alarmed >= _MIN_SEGMENT
    }
    return sorted(lasting | passing, key=lambda run: (run[0] - run[1], -run[1]))


def _unit(
    baseline: Matrix, inside: Matrix, center: Matrix, natures: Sequence[MetricNature], span: int
) -> Matrix:
    """The shift that scores 1, a row: the largest of noise, normal wander and the least worth a look."""
    noise = NOTABLE_SIGMAS * row_mad(baseline, center)
    blocks = baseline.shape[1] // span
    wander = np.zeros_like(noise)
    if blocks >= 4 and span > 1:
        tail = baseline[:, baseline.shape[1] - blocks * span :]
        medians = row_median(tail.reshape(-1, span)).reshape(-1, blocks)
        strayed = np.abs(medians - center[:, None])
        wander = np.fmax(1.5 * row_quantile(strayed, 0.9), 0.75 * row_quantile(strayed, 1.0))
    floor = _floors(baseline, inside, center, natures)
    return np.fmax(np.fmax(noise, np.nan_to_num(wander)), floor)


def _floors(baseline: Matrix, inside: Matrix, center: Matrix, natures: Sequence[MetricNature]) -> Matrix:
    """Least shift worth a look: a share of the level; for failures, of everything that can fail."""
    level = np.abs(center)
    peak = np.fmax(_peak(baseline), _peak(inside))
    # A series that was always zero has no level of its own: its new height stands in, and scores 2.5 at most.
    floor = np.where(level > 0, NOTABLE_SHARE * level, 2 * NOTABLE_SHARE * peak)
    failing = np.array([nature.kind is CauseKind.ERRORS for nature in natures])
    full = np.where(peak <= 1.0, 1.0, np.where(peak <= 100.0, 100.0, np.nan))
    floor = np.where(failing & ~np.isnan(full), NOTABLE_FAILURES * full, floor)
    return np.fmax(floor, np.finfo(np.float64).tiny)


def _peak(values: Matrix) -> Matrix:
    peak: Matrix = np.max(np.abs(np.nan_to_num(values)), axis=1, initial=0.0)
    return peak


def _discount_load(shifts: Sequence[_Shift]) -> list[_Shift]:
    """A resource that moved with the service's own load is that load's doing, and weighs a quarter."""
    loads: dict[str, list[float]] = {}
    for shift in shifts:
        if shift.nature.kind is CauseKind.TRAFFIC and shift.before > 0 and shift.after > 0:
            loads.setdefault(shift.series.service, []).append(math.log(shift.after / shift.before))
    typical = {service: float(np.median(changes)) for service, changes in loads.items()}
    return [
        replace(shift, score=shift.score / 4, load_explained=True)
        if _explained(shift, typical.get(shift.series.service, 0.0))
        else shift
        for shift in shifts
    ]


def _explained(shift: _Shift, load: float) -> bool:
    if shift.nature.kind not in RESOURCES or shift.before <= 0 or shift.after <= 0:
        return False
    moved = math.log(shift.after / shift.before)
    return load * moved > 0 and abs(moved) <= _LOAD_ELASTICITY * abs(load)


def _finding(shift: _Shift, window: Window) -> Finding:
    series = shift.series
    values = series.values
    onset = onset_of(series, shift.before, shift.after, window)
    kind = _shape(shift, values, window)
    return Finding(
        source=Source.KPIS,
        kind=kind,
        service=series.service,
        indicator=series.metric,
        subject=f"{series.service}|{series.metric}|{kind}",
        statement=_sentence(shift, kind, onset),
        score=shift.score,
        onset=onset,
        direction=shift.direction,
        data=_figures(shift),
    )


def _figures(shift: _Shift) -> Mapping[str, str | float | bool | None]:
    return {
        "metric_kind": shift.nature.kind.value,
        "good_high": shift.nature.good_high,
        "client": shift.nature.client,
        "starved": shift.nature.starved,
        "before": shift.before,
        "after": shift.after,
        "ratio": shift.after / shift.before if shift.before else None,
        "unit": shift.series.unit,
        "load_explained": shift.load_explained,
        "instrumented": shift.instrumented,
        "host": shift.series.labels.get("host"),
    }


def _shape(shift: _Shift, values: FloatArray, window: Window) -> FindingKind:
    part = values[shift.start : shift.stop]
    if plateau(shift.nature.kind, shift.series.metric, values[: shift.start], part):
        return FindingKind.SATURATION
    if trending(part):
        return FindingKind.TREND
    over = shift.series.times[shift.stop :]
    if over.size and over[0] <= window.end and (shift.stop - shift.start) <= over.size:
        return FindingKind.SPIKE
    return FindingKind.LEVEL_SHIFT


_VERBS = {
    FindingKind.SATURATION: ("is at its limit: it went", "is at its limit: it went"),
    FindingKind.TREND: ("keeps rising: it went", "keeps falling: it went"),
    FindingKind.SPIKE: ("spiked", "dipped"),
}


def _sentence(shift: _Shift, kind: FindingKind, onset: float) -> str:
    up, down = _VERBS.get(kind, ("rose", "fell"))
    unit = f" {shift.series.unit}" if shift.series.unit else ""
    text = (
        f"{shift.series.service} {shift.series.metric} {up if shift.direction > 0 else down} "
        f"from {figure(shift.before)} to {figure(shift.after)}{unit}"
        f"{times_as_much(shift.before, shift.after)} at {clock(onset)}"
    )
    return f"{text}, in step with its load" if shift.load_explained else text


def _absences(kpis: Sequence[KpiSeries], window: Window) -> list[Finding]:
    """One finding a service whose series stopped reporting."""
    gone: dict[str, list[str]] = {}
    for series in kpis:
        if missing_share(series, window) >= 0.8:
            gone.setdefault(series.service, []).append(series.metric)
    return [
        Finding(
            source=Source.KPIS,
            kind=FindingKind.MISSING_DATA,
            service=service,
            indicator=metrics[0],
            subject=f"{service}|{metrics[0]}|{FindingKind.MISSING_DATA}",
            statement=f"{service} stopped reporting {len(metrics)} of its metrics, {metrics[0]} among them",
            score=1.0,
            onset=window.start,
            data={"metrics": len(metrics), "metric_kind": CauseKind.UNKNOWN.value},
        )
        for service, metrics in sorted(gone.items())
    ]


def _normals(shifts: Sequence[_Shift]) -> list[Finding]:
    services: dict[str, list[_Shift]] = {}
    for shift in shifts:
        services.setdefault(shift.series.service, []).append(shift)
    findings = []
    for service, own in sorted(services.items()):
        top = max(own, key=lambda s: (s.score, s.series.metric))
        findings.append(
            Finding(
                source=Source.KPIS,
                kind=FindingKind.NORMAL,
                service=service,
                indicator=top.series.metric,
                subject=f"{service}||{FindingKind.NORMAL}",
                statement=f"{service}: all {len(own)} metrics stayed in their normal range",
                score=top.score,
                direction=top.direction,
                data={**_figures(top), "metrics": len(own)},
            )
        )
    return findings


def _no_data(window: Window) -> Finding:
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.NO_DATA,
        service="",
        subject=f"||{FindingKind.NO_DATA}",
        statement=f"No KPI has samples both before and after {clock(window.start)}",
    )
