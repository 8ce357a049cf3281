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

__all__ = ["Climb", "Trend", "large_enough"]

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
"""Where the variances begin in `_sums`, after the sums in progress."""


@dataclass(frozen=True, slots=True)
class Climb:
    """A trend: how many blocks before now it began, the level it left, and its rise."""

    blocks: int
    from_level: float
    rise: float


class Trend:
    """Means on three scales, relative to `origin` so that single precision is enough."""

    __slots__ = ("_count", "_means", "_origin", "_sums")

    def __init__(self) -> None:
        self._sums = array("d", bytes(8 * 2 * _SCALES))
        self.clear(0.0)

    def clear(self, origin: float) -> None:
        """Forget the means, not how much the series changes."""
        self._means = array("f", _EMPTY)
        self._count = 0
        for scale in range(_SCALES):
            self._sums[scale] = 0.0
        self._origin = origin

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
        value = mean - self._origin
        count, sums = self._count, self._sums
        self._count = count + 1
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
        start, spread, means = scale * _KEEP, _VARS + scale, self._means
        change = value - means[start + (count - _LAG) % _KEEP]
        means[start + count % _KEEP] = value
        if count < _LAG:
            return None
        deviation = max(math.sqrt(self._sums[spread]), noise)
        climb = None
        if abs(change) > deviation:
            pattern = _pattern(_FACTOR**scale, blocks_rise)
            change = _unexplained(change, pattern)
            if abs(change) > limit * deviation and count >= _LAG + _LEARN:
                climb = self._climb(scale, count + 1, limit * deviation, pattern)
        learned = min(count - _LAG + 1, _MEMORY)
        clip = math.inf if learned < _LEARN else (_CLIP * deviation) ** 2
        self._sums[spread] += (min(change * change, clip) - self._sums[spread]) / learned
        return climb

    def _climb(self, scale: int, count: int, least: float, pattern: tuple[float, float]) -> Climb | None:
        ring = self._means[scale * _KEEP : (scale + 1) * _KEEP]
        turn = count % _KEEP
        ordered = [*ring[turn:], *ring[:turn]]
        changes = [ordered[i + _LAG] - ordered[i] for i in range(_LAG)]
        typical = median(changes)
        if abs(_unexplained(typical, pattern)) < least or any(change * typical <= 0 for change in changes):
            return None
        edge = min if typical > 0 else max
        first = edge(range(_KEEP), key=ordered.__getitem__)
        rise = ordered[-1] - ordered[first]
        return Climb((_KEEP - first) * _FACTOR**scale, self._origin + ordered[first], rise)


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
