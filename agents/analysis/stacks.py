"""Grids whose samples fall alike into the window, measured as one: targets are asked each at seconds of its own.

What is measured of a row depends on which of its samples are usual, which are the incident's, and which come after the
alarm, not on the seconds themselves. Where these places are the same, the rows of many grids are those of one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.analysis.earlier_days import usual_before
from agents.analysis.grids import Grid
from agents.analysis.signals import Window

__all__ = ["Stack", "stacked"]

Part = tuple[Grid, Sequence[int]]
"""Some rows of a grid."""


@dataclass(frozen=True, slots=True)
class Stack:
    """`grid` has the rows of all; its times are those of the first. `places` says of which grid's row each is."""

    grid: Grid
    places: tuple[tuple[Grid, int], ...]


def stacked(parts: Iterable[Part], window: Window) -> list[Stack]:
    """Return every row of the parts in one stack, in order of first appearance.

    A grid that holds samples of the day before is alone: they are looked up by their times.
    """
    groups: dict[Hashable, list[Part]] = {}
    for grid, rows in parts:
        groups.setdefault(_layout(grid, window), []).append((grid, rows))
    return [_stack(group) for group in groups.values()]


def _layout(grid: Grid, window: Window) -> Hashable:
    """Equal for grids in which the window's bounds lie at the same places."""
    if usual_before(grid, window).size:
        return id(grid)
    bounds = [window.baseline_start, window.start, window.end, window.alarm_at]
    bounds += [moment for span in window.disturbed for moment in span]
    return grid.times.size, *np.searchsorted(grid.times, bounds).tolist()


def _stack(parts: Sequence[Part]) -> Stack:
    places = tuple((grid, row) for grid, rows in parts for row in rows)
    first = parts[0][0]
    if len(parts) == 1 and [row for _, row in places] == list(range(len(first.series))):
        return Stack(first, places)
    values = np.concatenate([grid.values[list(rows)] for grid, rows in parts])
    series = tuple(grid.series[row] for grid, row in places)
    return Stack(Grid(series, first.times, values), places)
