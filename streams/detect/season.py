"""The daily pattern of a series: what its mean was in each of 96 bins of the period, in 384 bytes."""

from __future__ import annotations

import math
from array import array

import numpy as np
from numpy.typing import NDArray

from streams.detect.tables import Floats, Ints, Numbers, Table

__all__ = ["BINS", "Profile", "bins_of", "foreseen_many", "learn_many", "rises"]

BINS = 96
"""Half as many were tried: leaks and shifts under a daily load were then missed."""
_GAIN = 0.3
_UNKNOWN = array("f", [math.nan] * BINS)


class Profile:
    """Exponentially averaged over days; a bin not seen yet is unknown."""

    __slots__ = ("_period_ms", "bin", "count", "means", "total")

    def __init__(self, period_ms: int) -> None:
        self._period_ms = period_ms
        self.means = array("f", _UNKNOWN)
        self.bin = -1
        self.total = 0.0
        self.count = 0

    def bin_of(self, at_ms: int) -> int:
        return at_ms % self._period_ms * BINS // self._period_ms

    def learn(self, at_ms: int, value: float) -> None:
        """Take the mean of a block; a bin counts once the next one begins."""
        number = self.bin_of(at_ms)
        if number != self.bin:
            self._close()
            self.bin, self.total, self.count = number, 0.0, 0
        self.total += value
        self.count += 1

    def _close(self) -> None:
        if self.count:
            mean, old = self.total / self.count, self.means[self.bin]
            self.means[self.bin] = mean if math.isnan(old) else old + _GAIN * (mean - old)

    def rise(self, from_ms: int, to_ms: int) -> float:
        """How much the pattern changes between two times; NaN where it is not known there."""
        before, after = self.bin_of(from_ms), self.bin_of(to_ms)
        return 0.0 if before == after else self._known(after) - self._known(before)

    def foreseen(self, number: int, length_ms: int) -> float:
        """What the pattern expects of the block of this number; NaN where it is not known there."""
        return self._known(self.bin_of(number * length_ms + length_ms // 2))

    def _known(self, number: int) -> float:
        """The bin's mean, or that of its neighbours where blocks longer than a bin have left it out."""
        here = self.means[number]
        if not math.isnan(here):
            return here
        return (self.means[number - 1] + self.means[(number + 1) % BINS]) / 2


def bins_of(at_ms: Ints, period_ms: int) -> Ints:
    """`Profile.bin_of` of many times."""
    return at_ms % period_ms * BINS // period_ms


def learn_many(
    table: Table, patterns: NDArray[np.float32], at_ms: Ints, values: Floats, period_ms: int
) -> None:
    """`Profile.learn` for many rows at once, in place; `patterns` are their means, BINS a row."""
    numbers = bins_of(at_ms, period_ms)
    moved = np.flatnonzero(numbers != table["profile_bin"])
    total, count = table["profile_total"], table["profile_count"]
    closing = moved[count[moved] > 0]
    if closing.size:
        bins = table["profile_bin"][closing]
        mean, old = total[closing] / count[closing], patterns[closing, bins].astype(np.float64)
        patterns[closing, bins] = np.where(np.isnan(old), mean, old + _GAIN * (mean - old))
    total[moved], count[moved] = 0.0, 0
    table["profile_bin"] = numbers
    total += values
    count += 1


def rises(patterns: NDArray[np.float32], rows: Numbers, before: Ints, after: Ints) -> Floats:
    """`Profile.rise` between two bins each, for the rows of these numbers."""
    rise: Floats = np.where(
        before == after, 0.0, _known_many(patterns, rows, after) - _known_many(patterns, rows, before)
    )
    return rise


def foreseen_many(table: Table, patterns: NDArray[np.float32], period_ms: int) -> Floats:
    """`Profile.foreseen` of the blocks in progress; nothing where no season is expected."""
    if not patterns.shape[1]:
        return np.full(table.size, np.nan)
    middle = table["number"] * table["length_ms"] + table["length_ms"] // 2
    return _known_many(patterns, np.arange(table.size), bins_of(middle, period_ms))


def _known_many(patterns: NDArray[np.float32], rows: Numbers, bins: Ints) -> Floats:
    here = patterns[rows, bins].astype(np.float64)
    holes = np.flatnonzero(np.isnan(here))
    if holes.size:
        at, hole = rows[holes], bins[holes]
        beside = patterns[at, hole - 1].astype(np.float64) + patterns[at, (hole + 1) % BINS]
        here[holes] = beside / 2
    return here
