"""Trends: a leak is a rise that goes on, far above how much the series used to change over the same time.

Block means are kept on three time scales, each four times the last, sixteen of each. On each scale the change over eight
means is compared with its own past; a trend is eight such changes in a row to one side whose median stands out.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from streams.detect.tables import Bools, Floats, Ints, Numbers, Table

__all__ = ["MEANS", "SUMS", "Climb", "Trend", "large_enough", "push_many"]

_SCALES = 3
_FACTOR = 4
_KEEP = 16
_LAG = _KEEP // 2
_MEMORY = 64
_CLIP = 3.0
_LEARN = 16
_EFFECT = 3.0
_EMPTY = array("f", bytes(4 * _SCALES * _KEEP))
_VARS = _SCALES
"""Where the variances begin in `sums`, after the sums in progress."""
MEANS, SUMS = _SCALES * _KEEP, 2 * _SCALES
"""How many means and sums a Trend holds."""


@dataclass(frozen=True, slots=True)
class Climb:
    """A trend: how many blocks before now it began, the level it left, and its rise."""

    blocks: int
    from_level: float
    rise: float


class Trend:
    """Means on three scales, relative to `origin` so that single precision is enough."""

    __slots__ = ("count", "means", "origin", "sums")

    def __init__(self) -> None:
        self.sums = array("d", bytes(8 * 2 * _SCALES))
        self.clear(0.0)

    def clear(self, origin: float) -> None:
        """Forget the means, not how much the series changes."""
        self.means = array("f", _EMPTY)
        self.count = 0
        for scale in range(_SCALES):
            self.sums[scale] = 0.0
        self.origin = origin

    def push(
        self, mean: float, noise: float, limit: float, blocks_rise: Callable[[int, int], float]
    ) -> Climb | None:
        """Take a block's mean and return the trend that it completes, if any.

        Args:
            mean: the block's mean.
            noise: the scale of a block's mean: changes are not measured finer than that.
            limit: how many deviations of past changes make a trend.
            blocks_rise: what the daily pattern changed over so many blocks up to so many blocks ago, NaN if unknown.
        """
        found: Climb | None = None
        value = mean - self.origin
        count, sums = self.count, self.sums
        self.count = count + 1
        for scale in range(_SCALES):
            climb = self._at_scale(
                scale, count, value, noise=noise / 2**scale, limit=limit, blocks_rise=blocks_rise
            )
            found = found or climb
            sums[scale] += value
            count += 1
            if count % _FACTOR:
                break
            count = count // _FACTOR - 1
            value = sums[scale] / _FACTOR
            sums[scale] = 0.0
        return found

    def _at_scale(  # noqa: PLR0913 - one mean's facts
        self,
        scale: int,
        count: int,
        value: float,
        *,
        noise: float,
        limit: float,
        blocks_rise: Callable[[int, int], float],
    ) -> Climb | None:
        start, spread, means = scale * _KEEP, _VARS + scale, self.means
        change = value - means[start + (count - _LAG) % _KEEP]
        means[start + count % _KEEP] = value
        if count < _LAG:
            return None
        deviation = max(math.sqrt(self.sums[spread]), noise)
        climb = None
        if abs(change) > deviation:
            pattern = _pattern(_FACTOR**scale, blocks_rise)
            change = _unexplained(change, pattern)
            if abs(change) > limit * deviation and count >= _LAG + _LEARN:
                climb = self._climb(scale, count + 1, limit * deviation, pattern)
        learned = min(count - _LAG + 1, _MEMORY)
        clip = math.inf if learned < _LEARN else (_CLIP * deviation) ** 2
        self.sums[spread] += (min(change * change, clip) - self.sums[spread]) / learned
        return climb

    def _climb(self, scale: int, count: int, least: float, pattern: tuple[float, float]) -> Climb | None:
        ring = self.means[scale * _KEEP : (scale + 1) * _KEEP]
        turn = count % _KEEP
        ordered = [*ring[turn:], *ring[:turn]]
        changes = [ordered[i + _LAG] - ordered[i] for i in range(_LAG)]
        typical = median(changes)
        if abs(_unexplained(typical, pattern)) < least or any(change * typical <= 0 for change in changes):
            return None
        edge = min if typical > 0 else max
        first = edge(range(_KEEP), key=ordered.__getitem__)
        rise = ordered[-1] - ordered[first]
        return Climb((_KEEP - first) * _FACTOR**scale, self.origin + ordered[first], rise)


def _pattern(span: int, blocks_rise: Callable[[int, int], float]) -> tuple[float, float]:
    """The least and largest change that the daily pattern explains, allowing for means that straddle its edges."""
    rises = [blocks_rise(_LAG * span, ago) for ago in (0, span // 2, span)]
    known = [0.0, *(rise for rise in rises if not math.isnan(rise))]
    return min(known), max(known)


def _unexplained(change: float, pattern: tuple[float, float]) -> float:
    """What of a change goes beyond the daily pattern's."""
    return change - min(max(change, pattern[0]), pattern[1])


def large_enough(climb: Climb, within_scale: float) -> bool:
    """Whether the rise matters beside the noise within blocks."""
    return abs(climb.rise) >= _EFFECT * within_scale


Rises = Callable[[Numbers, int, int], Floats]


def push_many(  # noqa: PLR0913, PLR0917 - Trend.push's, a column each
    table: Table, means: NDArray[np.float32], mean: Floats, noise: Floats, limit: Floats, rises: Rises
) -> Bools:
    """`Trend.push` for many rows at once, in place: as far as no trend comes of it.

    Args:
        table: the rows.
        means: their means, MEANS a row.
        mean: as for `Trend.push`, a value a row; so are `noise` and `limit`.
        noise: see `mean`.
        limit: see `mean`.
        rises: `blocks_rise` for the rows of these numbers.

    Returns:
        The rows on which a trend may be complete: what was done to those is to be thrown away and `push` to decide.
    """
    may = np.zeros(mean.size, np.bool_)
    rows = np.arange(mean.size)
    value, count = mean - table["trend_origin"], table["trend_count"].copy()
    table["trend_count"] += 1
    sums = table["sums"]
    for scale in range(_SCALES):
        may[rows] |= _push_scale(
            scale, rows, count, value, sums, means, noise[rows] / 2**scale, limit[rows], rises
        )
        total = sums[rows, scale] + value
        count = count + 1
        full = count % _FACTOR == 0
        sums[rows, scale] = np.where(full, 0.0, total)
        rows, value, count = rows[full], total[full] / _FACTOR, count[full] // _FACTOR - 1
        if not rows.size:
            break
    return may


def _push_scale(  # noqa: PLR0913, PLR0917 - Trend._at_scale's, a column each
    scale: int,
    rows: Numbers,
    count: Ints,
    value: Floats,
    sums: Floats,
    means: NDArray[np.float32],
    noise: Floats,
    limit: Floats,
    rises: Rises,
) -> Bools:
    start, spread = scale * _KEEP, _VARS + scale
    change = value - means[rows, start + (count - _LAG) % _KEEP]
    means[rows, start + count % _KEEP] = value
    known = count >= _LAG
    variance = sums[rows, spread]
    deviation = np.maximum(np.sqrt(variance), noise)
    large = np.flatnonzero(known & (np.abs(change) > deviation))
    may = np.zeros(rows.size, np.bool_)
    if large.size:
        change[large] = _unexplained_many(change[large], rows[large], _FACTOR**scale, rises)
        steep = np.abs(change[large]) > limit[large] * deviation[large]
        may[large] = steep & (count[large] >= _LAG + _LEARN)
    learned = np.clip(count - _LAG + 1, 1, _MEMORY)
    clip = np.where(learned < _LEARN, np.inf, (_CLIP * deviation) ** 2)
    followed = variance + (np.minimum(change * change, clip) - variance) / learned
    sums[rows, spread] = np.where(known, followed, variance)
    return may


def _unexplained_many(change: Floats, rows: Numbers, span: int, rises: Rises) -> Floats:
    least, most = np.zeros(rows.size), np.zeros(rows.size)
    for ago in (0, span // 2, span):
        rise = rises(rows, _LAG * span, ago)
        least, most = np.fmin(least, rise), np.fmax(most, rise)
    return change - np.minimum(np.maximum(change, least), most)
