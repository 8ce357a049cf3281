"""The daily pattern of a series: what its mean was in each of 96 bins of the period, in 384 bytes."""

from __future__ import annotations

import math
from array import array

__all__ = ["BINS", "Profile"]

BINS = 96
"""Half as many were tried: leaks and shifts under a daily load were then missed."""
_GAIN = 0.3
_UNKNOWN = array("f", [math.nan] * BINS)


class Profile:
    """Exponentially averaged over days; a bin not seen yet is unknown."""

    __slots__ = ("_bin", "_count", "_means", "_period_ms", "_total")

    def __init__(self, period_ms: int) -> None:
        self._period_ms = period_ms
        self._means = array("f", _UNKNOWN)
        self._bin = -1
        self._total = 0.0
        self._count = 0

    def bin_of(self, at_ms: int) -> int:
        return at_ms % self._period_ms * BINS // self._period_ms

    def learn(self, at_ms: int, value: float) -> None:
        """Take the mean of a block; a bin counts once the next one begins."""
        number = self.bin_of(at_ms)
        if number != self._bin:
            self._close()
            self._bin, self._total, self._count = number, 0.0, 0
        self._total += value
        self._count += 1

    def _close(self) -> None:
        if self._count:
            mean, old = self._total / self._count, self._means[self._bin]
            self._means[self._bin] = mean if math.isnan(old) else old + _GAIN * (mean - old)

    def rise(self, from_ms: int, to_ms: int) -> float:
        """How much the pattern changes between two times; NaN where it is not known there."""
        before, after = self.bin_of(from_ms), self.bin_of(to_ms)
        return 0.0 if before == after else self._known(after) - self._known(before)

    def _known(self, number: int) -> float:
        """The bin's mean, or that of its neighbours where blocks longer than a bin have left it out."""
        here = self._means[number]
        if not math.isnan(here):
            return here
        return (self._means[number - 1] + self._means[(number + 1) % BINS]) / 2
