"""How far each series shifted in the incident window, in units of what would be notable for it.

Each is measured against its own baseline: the shift of the median, in units of the largest of its robust noise, its
normal wander over spans of the same length, and a share of its level below which nobody would care. All series on
one time grid are measured together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.analysis.findings import CauseKind
from agents.analysis.metrics import MetricNature, nature_of
from agents.analysis.robust import Matrix, row_mad, row_mean_median, row_median, row_quantile
from agents.analysis.signals import KpiSeries, Window

__all__ = ["MIN_BASELINE", "NOTABLE_SIGMAS", "Shift", "measure"]

# A shift of this many robust sigmas scores 1: far outside what hundreds of healthy series do by chance.
NOTABLE_SIGMAS = 4.0
# Fewer healthy samples than this say nothing about what is normal.
MIN_BASELINE = 4
# A relative shift of this size scores 1 however quiet the baseline: less is not worth waking anyone.
_NOTABLE_SHARE = 0.2
# Failing one request in fifty scores 1.
_NOTABLE_FAILURES = 0.02
_SEGMENTS = 4
_MIN_SEGMENT = 3


@dataclass(frozen=True, slots=True)
class Shift:
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
    slowest: Shift | None = None

    @property
    def direction(self) -> int:
        return int(np.sign(self.after - self.before))


def measure(kpis: Sequence[KpiSeries], window: Window) -> list[Shift]:
    """The largest shift of every series that has enough samples, in the order of their time grids."""
    return [shift for grid in _grids(kpis) for shift in _measured(grid, window)]


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


def _measured(grid: Sequence[KpiSeries], window: Window) -> list[Shift]:
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
    after = np.empty(len(grid))
    for which, (start, stop) in enumerate(bounds):
        rows = best == which
        after[rows] = row_mean_median(inside[rows, start:stop])
    shifts = []
    for row in map(int, np.flatnonzero(usable)):
        start, stop = bounds[int(best[row])]
        shift = Shift(
            grid[row],
            natures[row],
            float(center[row]),
            float(after[row]),
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
    floor = np.where(level > 0, _NOTABLE_SHARE * level, 2 * _NOTABLE_SHARE * peak)
    failing = np.array([nature.kind is CauseKind.ERRORS for nature in natures])
    full = np.where(peak <= 1.0, 1.0, np.where(peak <= 100.0, 100.0, np.nan))
    floor = np.where(failing & ~np.isnan(full), _NOTABLE_FAILURES * full, floor)
    return np.fmax(floor, np.finfo(np.float64).tiny)


def _peak(values: Matrix) -> Matrix:
    peak: Matrix = np.max(np.abs(np.nan_to_num(values)), axis=1, initial=0.0)
    return peak
