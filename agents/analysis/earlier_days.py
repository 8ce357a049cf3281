"""The same time of earlier days, in series that hold samples of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from agents.analysis.grids import Grid
from agents.analysis.robust import Matrix, row_median
from agents.analysis.signals import Window

__all__ = ["DAYS_BEFORE", "DAY_S", "MIN_BASELINE", "WEEK", "day_slack", "moved_before", "usual_before"]

DAY_S = 86_400.0
WEEK = 7
DAYS_BEFORE: Mapping[str, int] = MappingProxyType(
    {"yesterday": 1, "two_days_before": 2, "week_before": WEEK, "two_weeks_before": 2 * WEEK}
)
"""Days that are compared, by what a finding's data calls what a metric did then: the last two, and this day of the week."""
# Fewer healthy samples than this say nothing about what is normal.
MIN_BASELINE = 4


def day_slack(grid: Grid) -> float:
    """Seconds by which samples of another day may be off: they need not come at the same second every day."""
    return float(np.median(np.diff(grid.times))) / 2 if grid.times.size > 1 else 0.0


def usual_before(grid: Grid, window: Window, days: int = 1) -> Matrix:
    """What the baseline was so many days before, shape (series, samples); without samples where that is not known."""
    then = grid.columns(window.baseline_start - days * DAY_S, window.start - days * DAY_S)
    past: Matrix = grid.values[:, then]
    return past


def moved_before(
    grid: Grid, window: Window, bounds: Sequence[tuple[int, int]], days: int = 1
) -> tuple[Matrix, Matrix]:
    """Return what was usual so many days before, and by how much the median of each stretch was off that then.

    Shapes (series,) and (stretches, series); NaN where it was not measured.
    """
    moved = np.full((len(bounds), len(grid.series)), np.nan)
    past = usual_before(grid, window, days)
    if not past.size:
        return np.full(len(grid.series), np.nan), moved
    usual: Matrix = np.where(np.sum(~np.isnan(past), axis=1) >= MIN_BASELINE, row_median(past), np.nan)
    slack, ago = day_slack(grid), days * DAY_S
    for which, (start, stop) in enumerate(bounds):
        then = grid.columns(grid.times[start] - ago - slack, grid.times[stop - 1] - ago + slack)
        moved[which] = row_median(grid.values[:, then]) - usual
    return usual, moved
