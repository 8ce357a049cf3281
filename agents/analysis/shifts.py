"""How far each series shifted in the incident window, in units of what would be notable for it.

Each is measured against its own baseline: the shift of the median, in units of the largest of its robust noise, its
normal wander over spans of the same length, and a share of its level below which nobody would care. What it did at the
same time yesterday, where that is known, explains as much of it today. All series of a time grid are measured at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.analysis.earlier_days import MIN_BASELINE, moved_before
from agents.analysis.findings import CauseKind
from agents.analysis.grids import Grid, grids_of
from agents.analysis.metrics import MetricNature, is_share, may_be_share, nature_of
from agents.analysis.robust import Matrix, row_mad, row_mean_median, row_median, row_quantile
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.stacks import stacked

__all__ = [
    "EXPLAINED",
    "NOTABLE_SIGMAS",
    "Shift",
    "floors",
    "measure",
    "measured",
    "measured_together",
    "notable",
    "stretches",
]

# A shift of this many robust sigmas scores 1: far outside what hundreds of healthy series do by chance.
NOTABLE_SIGMAS = 4.0
# What has an everyday explanation weighs this much: it may still be what hurts.
EXPLAINED = 0.25
# A relative shift of this size scores 1 however quiet the baseline: less is not worth waking anyone.
_NOTABLE_SHARE = 0.2
# Failing one request in fifty scores 1.
_NOTABLE_FAILURES = 0.02
# Who uses a twentieth more of what there is takes it from nobody, be it twice as much as before.
_NOTABLE_OF_WHOLE = 0.05
_SHARES = frozenset({"1", "%"})
# Beyond this a score only tells how near to nothing the baseline was.
_SUREST = 1e9
_SEGMENTS = 4
_MIN_SEGMENT = 3


@dataclass(frozen=True, slots=True)
class Shift:
    """Row `row` of a grid measured: `score` 1 is notable; `start` and `stop` bound the columns that shifted.

    `notable` is how much more or less would score 1; `yesterday` by how much it shifted at the same time yesterday, None
    where that is not known.
    """

    grid: Grid
    row: int
    nature: MetricNature
    before: float
    after: float
    score: float
    notable: float
    start: int
    stop: int
    yesterday: float | None = None

    @property
    def series(self) -> KpiSeries:
        return self.grid.series[self.row]

    @property
    def values(self) -> FloatArray:
        values: FloatArray = self.grid.values[self.row]
        return values

    @property
    def direction(self) -> int:
        return int(np.sign(self.after - self.before))


def measure(kpis: Sequence[KpiSeries], window: Window) -> list[Shift]:
    """The largest shift of every series that has enough samples, in the order of their time grids."""
    return measured_together(grids_of(kpis), window)


def measured_together(grids: Sequence[Grid], window: Window) -> list[Shift]:
    """What `measured` says of each grid, in their order; those whose samples fall alike into the window are measured at once."""
    found: dict[int, list[Shift]] = {id(grid): [] for grid in grids}
    for stack in stacked(((grid, range(len(grid.series))) for grid in grids), window):
        for shift in measured(stack.grid, window):
            grid, row = stack.places[shift.row]
            found[id(grid)].append(replace(shift, grid=grid, row=row))
    return [shift for grid in grids for shift in found[id(grid)]]


def measured(grid: Grid, window: Window) -> list[Shift]:
    """The largest shift of every series of the grid that has enough samples, in their order."""
    baseline, inside = grid.healthy(window), grid.values[:, grid.incident(window)]
    if not baseline.size or not inside.size:
        return []
    usable = (np.sum(~np.isnan(baseline), axis=1) >= MIN_BASELINE) & ~np.all(np.isnan(inside), axis=1)
    natures = [nature_of(series.metric) for series in grid.series]
    center = row_median(baseline)
    bounds = stretches(grid, window)
    unit = notable(baseline, inside, center, bounds, grid.series)
    moved = np.stack([row_median(grid.values[:, start:stop]) for start, stop in bounds]) - center
    _, yesterday = moved_before(grid, window, bounds)
    scores = np.minimum(_unexplained(moved, yesterday) / unit, _SUREST)
    best = np.argmax(np.nan_to_num(scores, nan=-1.0), axis=0)
    after = np.empty(len(natures))
    for which, (start, stop) in enumerate(bounds):
        rows = best == which
        after[rows] = row_mean_median(grid.values[rows, start:stop])
    shifts = []
    for row in np.flatnonzero(usable).tolist():
        which = best[row]
        then = float(yesterday[which, row])
        shifts.append(
            Shift(
                grid,
                row,
                natures[row],
                float(center[row]),
                float(after[row]),
                float(scores[which, row]),
                float(unit[row]),
                bounds[which][0],
                bounds[which][1],
                None if np.isnan(then) else then,
            )
        )
    return shifts


def stretches(grid: Grid, window: Window) -> list[tuple[int, int]]:
    """Columns [first, last) of the window to look for a change in, longest first, three or more where there are that many.

    They begin at a quarter of the window or at the alarm and last to its end; or they are over sooner, but not before
    the alarm: what was over then did not raise it.
    """
    incident = grid.incident(window)
    samples = incident.stop - incident.start
    alarmed = int(np.searchsorted(grid.times, window.alarm_at)) - incident.start
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
    ordered = sorted(lasting | passing, key=lambda run: (run[0] - run[1], -run[1]))
    return [(incident.start + start, incident.start + stop) for start, stop in ordered]


def notable(
    baseline: Matrix,
    inside: Matrix,
    center: Matrix,
    bounds: Sequence[tuple[int, int]],
    series: Sequence[KpiSeries],
) -> Matrix:
    """How much more or less of each row would score 1 over the shortest of the stretches, shape (rows,)."""
    span = min(stop - start for start, stop in bounds)
    unit: Matrix = np.fmax(_usual(baseline, center, span), floors(baseline, inside, center, series))
    return unit


def _usual(baseline: Matrix, center: Matrix, span: int) -> Matrix:
    """What a row does by itself: the larger of its noise and of how far it wanders for as long as `span` samples."""
    noise: Matrix = NOTABLE_SIGMAS * row_mad(baseline, center)
    blocks = baseline.shape[1] // span
    if blocks < 4 or span < 2:
        return noise
    tail = baseline[:, baseline.shape[1] - blocks * span :]
    medians = row_median(tail.reshape(-1, span)).reshape(-1, blocks)
    strayed = np.abs(medians - center[:, None])
    wander = np.fmax(1.5 * row_quantile(strayed, 0.9), 0.75 * row_quantile(strayed, 1.0))
    usual: Matrix = np.fmax(noise, np.nan_to_num(wander))
    return usual


def floors(baseline: Matrix, inside: Matrix, center: Matrix, series: Sequence[KpiSeries]) -> Matrix:
    """Least change of each row worth a look: a share of its level, and of the whole where it is known to be a share of one.

    For failures it is that of everything that can fail, without a unit too.
    """
    level = np.abs(center)
    peak = np.fmax(_peak(baseline), _peak(inside))
    # A series that was always zero has no level of its own: its new height stands in, and scores 2.5 at most.
    floor = np.where(level > 0, _NOTABLE_SHARE * level, 2 * _NOTABLE_SHARE * peak)
    failing = np.array(
        [nature_of(one.metric).kind is CauseKind.ERRORS and may_be_share(one.unit) for one in series]
    )
    full = np.where(peak <= 1.0, 1.0, np.where(peak <= 100.0, 100.0, np.nan))
    shares = np.array([one.unit in _SHARES and is_share(one.metric) for one in series])
    # Of 1, what is measured may stand a little above.
    whole = np.where(np.array([one.unit == "1" for one in series]), 1.0, full)
    floor = np.where(shares & ~np.isnan(whole), np.fmax(floor, _NOTABLE_OF_WHOLE * whole), floor)
    floor = np.where(failing & ~np.isnan(full), _NOTABLE_FAILURES * full, floor)
    return np.fmax(floor, np.finfo(np.float64).tiny)


def _peak(values: Matrix) -> Matrix:
    peak: Matrix = np.max(np.abs(np.nan_to_num(values)), axis=1, initial=0.0)
    return peak


def _unexplained(moved: Matrix, yesterday: Matrix) -> Matrix:
    """Size of each shift, what it did yesterday too at a quarter of its weight."""
    shared = np.where(np.sign(moved) == np.sign(yesterday), np.fmin(np.abs(moved), np.abs(yesterday)), 0.0)
    return np.abs(moved) - (1.0 - EXPLAINED) * shared
