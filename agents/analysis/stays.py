"""What happens at this time on other days and not today: beside the hours before such a series looks calm.

One day says little: something may have happened then. Two have to agree, and where the same day of the week is known it is
one of them: who is busy from Monday to Friday is not missed on Saturday. What they did counts by the lesser of the two, in
units of what is notable today and of those days' own noise, and only so far as today's level is theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.analysis.earlier_days import (
    DAY_S,
    DAYS_BEFORE,
    MIN_BASELINE,
    WEEK,
    day_slack,
    moved_before,
    usual_before,
)
from agents.analysis.grids import Grid
from agents.analysis.metrics import nature_of
from agents.analysis.onsets import onsets
from agents.analysis.robust import Matrix, row_mad, row_median
from agents.analysis.shifts import EXPLAINED, NOTABLE_SIGMAS, Shift, notable, stretches
from agents.analysis.signals import Window

__all__ = ["Stay", "stayed", "undecided"]

# Who does half of what other days do has not stayed away.
_AWAY = 0.5
# One day alone is told of, and is never more than just notable.
_LONE = 1.0
_DAYS = tuple(DAYS_BEFORE.values())
_YESTERDAY, _WEEKDAY = _DAYS.index(1), _DAYS.index(WEEK)
_Stretches = Sequence[tuple[int, int]]
_Cube = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stay:
    """`shift` goes from where the series would be, going by other days, to where it is; `usual` is where it was before.

    `earlier` has by how much it moved on each day that is known, by its name in `DAYS_BEFORE`; `agree` how many of them did
    so notably and the same way. `since` is when that was, as of today (unix s).
    """

    shift: Shift
    usual: float
    earlier: Mapping[str, float]
    agree: int
    since: float


def stayed(grid: Grid, window: Window, services: Collection[str]) -> list[Stay]:
    """Return the series of these services that notably stayed away from what they do on other days."""
    measured = _measured(grid, window, services)
    if measured is None:
        return []
    scores = np.abs(measured.missing)
    best = np.argmax(scores, axis=0)
    notable_ones = np.flatnonzero(np.max(scores, axis=0) >= 1.0).tolist()
    return [measured.stay(row, int(best[row]), window) for row in notable_ones]


def undecided(grid: Grid, window: Window, services: Collection[str]) -> set[str]:
    """Return whose series do not do what they did on the day that has the say, where no second one says so, or otherwise.

    That is this day of the week, or yesterday where that is not known.
    """
    measured = _measured(grid, window, services)
    if measured is None:
        return set()
    then, known = measured.then_units, np.sum(~np.isnan(measured.then_units), axis=0)
    say = np.where(np.isnan(then[_WEEKDAY]), then[_YESTERDAY], then[_WEEKDAY])
    away = (np.abs(say) >= 1.0) & (np.sign(say) * measured.moved / measured.units <= _AWAY * np.abs(say))
    agreed = (np.abs(measured.missing) >= 1.0) & (known > 1)
    return {measured.grid.series[row].service for row in np.flatnonzero(np.any(away & ~agreed, axis=0))}


def _measured(grid: Grid, window: Window, services: Collection[str]) -> _Measured | None:
    """None where there is nothing to compare."""
    rows = [row for row, one in enumerate(grid.series) if one.service in services]
    if not rows or not grid.times.size or grid.times[0] >= window.baseline_start - DAY_S / 2:
        return None
    return _Measured.of(Grid(tuple(grid.series[row] for row in rows), grid.times, grid.values[rows]), window)


@dataclass(frozen=True, slots=True)
class _Measured:
    """All series of a grid, over the stretches that last to the window's end.

    `usual` and `units` (what is notable) have an entry a series, `moved` a row a stretch, `then` and `then_units` a layer a day.
    `expected` is what other days let expect in units, `missing` the score: positive where a rise stayed away.
    """

    grid: Grid
    bounds: _Stretches
    usual: Matrix
    units: Matrix
    moved: Matrix
    then: _Cube
    then_units: _Cube
    expected: Matrix
    missing: Matrix

    @classmethod
    def of(cls, grid: Grid, window: Window) -> _Measured | None:
        baseline, inside = grid.healthy(window), grid.values[:, grid.incident(window)]
        if not baseline.size or not inside.size:
            return None
        end = grid.incident(window).stop
        bounds = [run for run in stretches(grid, window) if run[1] == end]
        few = np.sum(~np.isnan(baseline), axis=1) < MIN_BASELINE
        usual = np.where(few, np.nan, row_median(baseline))
        units = notable(baseline, inside, usual, bounds, grid.series)
        moved = np.stack([row_median(grid.values[:, start:stop]) for start, stop in bounds]) - usual
        then, counted = _then(grid, window, bounds, usual, units)
        expected, missing = _missing(moved / units, counted)
        return cls(grid, bounds, usual, units, moved, then, counted, expected, missing)

    def stay(self, row: int, which: int, window: Window) -> Stay:
        start, stop = self.bounds[which]
        usual, unit, missing = float(self.usual[row]), float(self.units[row]), float(self.missing[which, row])
        would = usual + float(self.expected[which, row]) * unit
        after = usual + float(self.moved[which, row])
        series = self.grid.series[row]
        earlier = {
            name: float(moved)
            for name, moved in zip(DAYS_BEFORE, self.then[:, which, row], strict=True)
            if not np.isnan(moved)
        }
        agreeing = np.flatnonzero(np.sign(missing) * self.then_units[:, which, row] >= 1.0)
        shift = Shift(
            self.grid,
            row,
            nature_of(series.metric),
            would,
            after,
            abs(missing),
            unit,
            start,
            stop,
            earlier.get("yesterday"),
        )
        return Stay(
            shift, usual, earlier, agreeing.size, self._since(row, _DAYS[int(agreeing[0])], which, window)
        )

    def _since(self, row: int, days: int, which: int, window: Window) -> float:
        """When it moved so many days before, as of today."""
        ago, place = days * DAY_S, _DAYS.index(days)
        slack = day_slack(self.grid)
        columns = self.grid.columns(window.baseline_start - ago, window.end - ago + slack)
        values = self.grid.values[row : row + 1, columns]
        usual = row_median(usual_before(self.grid, window, days)[row : row + 1])
        (begun,) = onsets(
            self.grid.times[columns] + ago, values, usual, usual + self.then[place, which, row], window
        )
        return begun.at


def _then(
    grid: Grid, window: Window, bounds: _Stretches, usual: Matrix, units: Matrix
) -> tuple[_Cube, _Cube]:
    """By how much each stretch was off on each of the days, by its own figures and in units of what is notable."""
    moved, counted = [], []
    for days in _DAYS:
        level, then = moved_before(grid, window, bounds, days)
        noise = NOTABLE_SIGMAS * row_mad(usual_before(grid, window, days), level)
        height = np.abs(level)
        grown = np.where(height > 0, np.abs(usual) / np.where(height > 0, height, 1.0), 1.0)
        moved.append(then)
        counted.append(then * np.fmin(1.0, grown) / np.fmax(units, noise))
    return np.array(moved), np.array(counted)


def _missing(today: Matrix, then: _Cube) -> tuple[Matrix, Matrix]:
    """What other days let expect, and how much of it did not come, in units of what is notable, with its sign."""
    alone = np.sum(~np.isnan(then), axis=0) == 1
    expected, missing = np.zeros(today.shape), np.zeros(today.shape)
    for way in (1.0, -1.0):
        same = np.nan_to_num(np.fmax(way * then, 0.0))
        ordered = np.sort(same, axis=0)
        agreed = np.where(np.isnan(then[_WEEKDAY]), ordered[-2], np.fmin(ordered[-2], same[_WEEKDAY]))
        wanted = np.where(alone, ordered[-1], agreed)
        came = np.fmax(way * today, 0.0)
        away = np.where(came <= _AWAY * wanted, wanted - came, 0.0)
        score = np.where(alone, np.fmin(_LONE, EXPLAINED * away), away)
        more = np.nan_to_num(score) > np.abs(missing)
        expected = np.where(more, way * wanted, expected)
        missing = np.where(more, way * score, missing)
    return expected, missing
