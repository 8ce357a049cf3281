"""Samples gathered into blocks: stretches of event time aligned to the epoch, kept as sums.

Baselines change at block ends only, so a result does not depend on how samples were cut into messages, and a whole
column can be summed in one go.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.detect.tables import Bools, Floats, Table

__all__ = [
    "LIMIT",
    "MIN_SAMPLES",
    "STEPS_TO_LEARN",
    "Block",
    "block_length_ms",
    "block_rows",
    "least_length_ms",
    "moments",
    "trimmed_many",
    "usable",
]

LIMIT = 1e100
"""Values beyond this are taken as missing: their squares would not be finite."""

STEPS_TO_LEARN = 7
MIN_SAMPLES = 5
"""In a block."""


@dataclass(slots=True)
class Block:
    """Sums of one block's samples around `base`, which is fixed for the block. `number` counts from the epoch."""

    number: int = -1
    base: float = 0.0
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    first_ms: int = 0
    up_ms: int = 0
    """When the first sample stood out upwards, 0 if none did."""
    down_ms: int = 0

    def begin(self, number: int, base: float, at_ms: int) -> None:
        self.number, self.base, self.first_ms = number, base, at_ms
        self.count, self.total, self.squares = 0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf
        self.up_ms = self.down_ms = 0

    def add(self, off: float) -> None:
        """Add a sample by its distance from `base`."""
        self.count += 1
        self.total += off
        self.squares += off * off
        if off < self.low:  # noqa: PLR1730 - min() costs three times as much, per sample
            self.low = off
        if off > self.high:  # noqa: PLR1730 - likewise
            self.high = off

    def add_sums(self, count: int, total: float, squares: float, low: float, high: float) -> None:
        self.count += count
        self.total += total
        self.squares += squares
        self.low = min(self.low, low)
        self.high = max(self.high, high)

    def stands_out(self, at_ms: int, off: float) -> None:
        """Note that the sample of this time stands out to the side of `off`."""
        if off > 0:
            self.up_ms = self.up_ms or at_ms
        else:
            self.down_ms = self.down_ms or at_ms

    def stood_out_ms(self, sign: int) -> int:
        """When the block's samples began to stand out to this side; its first sample where none did."""
        return (self.up_ms if sign > 0 else self.down_ms) or self.first_ms

    @property
    def mean(self) -> float:
        return self.base + self.total / self.count

    def trimmed(self, sign: int) -> float:
        """The mean without the block's farthest sample on this side: one sample alone moves no level."""
        if self.count < 3:
            return self.mean
        return self.base + (self.total - (self.high if sign > 0 else self.low)) / (self.count - 1)

    @property
    def variance(self) -> float:
        mean = self.total / self.count
        return max(0.0, self.squares / self.count - mean * mean)


def least_length_ms(persist_ms: int) -> int:
    """How long blocks are where samples come often."""
    return max(1_000, persist_ms // 2)


def block_length_ms(steps_ms: Sequence[int], persist_ms: int) -> tuple[int, int]:
    """Return the typical step and the block length for it.

    Half the persistence, doubled until five samples fit: from few lengths, so that a series keeps its own after a
    restart although its step is estimated anew.
    """
    step = sorted(steps_ms)[len(steps_ms) // 2]
    length = least_length_ms(persist_ms)
    while length < MIN_SAMPLES * step:
        length *= 2
    return step, length


def usable(
    times_ms: NDArray[np.int64], values: NDArray[np.float64], last_ms: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return what counts of a column: numbers later than `last_ms`, the first of each time."""
    with np.errstate(invalid="ignore"):
        fresh = np.abs(values) < LIMIT
    fresh &= times_ms > last_ms
    times_ms, values = times_ms[fresh], values[fresh]
    distinct = np.flatnonzero(np.diff(times_ms, prepend=last_ms))
    return times_ms[distinct], values[distinct]


def block_rows(
    times_ms: NDArray[np.int64], offs: NDArray[np.float64], length_ms: int
) -> Iterator[tuple[int, int, int, int, float, float, float, float]]:
    """Sum a non-empty column by block.

    Yields for each block: the indices where it starts and ends, its number, the time of its first sample, and the sum,
    the sum of squares, the least and the largest of its `offs`.
    """
    numbers = times_ms // length_ms
    cuts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    return zip(
        cuts.tolist(),
        [*cuts[1:].tolist(), times_ms.size],
        numbers[cuts].tolist(),
        times_ms[cuts].tolist(),
        np.add.reduceat(offs, cuts).tolist(),
        np.add.reduceat(offs * offs, cuts).tolist(),
        np.minimum.reduceat(offs, cuts).tolist(),
        np.maximum.reduceat(offs, cuts).tolist(),
        strict=True,
    )


def moments(table: Table) -> tuple[Floats, Floats]:
    """`Block.mean` and `Block.variance` for many rows at once; none of their blocks is empty."""
    centre = table["total"] / table["count"]
    variance = np.maximum(0.0, table["squares"] / table["count"] - centre * centre)
    return table["base"] + centre, variance


def trimmed_many(table: Table, mean: Floats, above: Bools) -> Floats:
    """`Block.trimmed` for many rows at once: without the farthest sample `above`, or else below."""
    farthest = np.where(above, table["high"], table["low"])
    rest = table["base"] + (table["total"] - farthest) / np.maximum(table["count"] - 1, 1)
    trimmed: Floats = np.where(table["count"] < 3, mean, rest)
    return trimmed
