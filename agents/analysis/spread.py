"""Whether a series varies otherwise than before though its level is the same: how its samples lie about their median.

The distance of two distributions is that of their quantiles (Wasserstein's, of order one; Vallender 1974), each about its
own median, so that a shift of the level is none. What the healthy past did in stretches of the same length is usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.analysis.grids import Grid
from agents.analysis.robust import Matrix, row_median, row_quantile, row_quantiles
from agents.analysis.shifts import floors, stretches
from agents.analysis.signals import Window

__all__ = ["Spread", "spreads"]

# A tenth of the samples on either side may be anything.
_LEVELS = np.linspace(0.1, 0.9, 9)
# With fewer samples the outer levels are single samples.
_LEAST = 10
_MIN_BLOCKS = 10
# Of heavy-tailed and of correlated noise one stretch in some hundreds is so much farther off than ten before it.
_FARTHER = 3.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Row `row` of a grid: how wide the middle four fifths of its samples were and are; `score` 1 is notable.

    `start` is the column from which on they are so.
    """

    row: int
    before: float
    after: float
    score: float
    start: int

    @property
    def direction(self) -> int:
        return int(np.sign(self.after - self.before))


def spreads(grid: Grid, rows: Sequence[int], window: Window) -> list[Spread]:
    """Return how these rows vary in the window, where its stretches and the baseline have samples enough to tell."""
    values = grid.values[list(rows)]
    if not values.size:
        return []
    healthy = grid.healthy(window)[list(rows)]
    best: dict[int, Spread] = {}
    for start, stop in stretches(grid, window):
        length = stop - start
        blocks = healthy.shape[1] // length
        if stop < grid.incident(window).stop or length < _LEAST or blocks < _MIN_BLOCKS:
            continue
        past = healthy[:, healthy.shape[1] - blocks * length :].reshape(len(rows), blocks, length)
        for one in _changed(grid, rows, values[:, start:stop], past, start):
            if one.row not in best or one.score > best[one.row].score:
                best[one.row] = one
    return list(best.values())


def _changed(
    grid: Grid, rows: Sequence[int], inside: Matrix, past: NDArray[np.float64], start: int
) -> list[Spread]:
    many, blocks, length = past.shape
    own = _profile(inside)
    others = _profile(past.reshape(-1, length)).reshape(many, blocks, -1)
    usual = np.stack([row_median(others[:, :, level]) for level in range(others.shape[2])], axis=1)
    strayed = np.mean(np.abs(others - usual[:, None, :]), axis=2)
    flat = past.reshape(many, -1)
    least = floors(flat, inside, row_median(flat), [grid.series[row] for row in rows])
    unit = np.fmax(_FARTHER * row_quantile(strayed, 1.0), least)
    scores = np.mean(np.abs(own - usual), axis=1) / unit
    before, after = usual[:, -1] - usual[:, 0], own[:, -1] - own[:, 0]
    return [
        Spread(rows[place], float(before[place]), float(after[place]), float(scores[place]), start)
        for place in np.flatnonzero(~np.isnan(scores)).tolist()
    ]


def _profile(values: Matrix) -> Matrix:
    """Quantiles of each row about its median; NaN where less than half of the samples are known."""
    found = row_quantiles(values, _LEVELS)
    found -= found[:, [len(_LEVELS) // 2]]
    found[np.sum(~np.isnan(values), axis=1) < values.shape[1] / 2] = np.nan
    return found
