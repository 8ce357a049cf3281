"""Where the samples of a message are, and how to see that another message is written alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.detect.avro_bytes import expect
from streams.detect.frames import Lineup
from streams.detect.tables import Floats, Ints

__all__ = ["TIME_BYTES", "VALUE_BYTES", "Layout", "Spots"]

TIME_BYTES, VALUE_BYTES = 6, 8
_MORE = 0x80
"""The bit of a byte of a long that says that another byte follows."""
_ONE = 2
"""The byte that says that an array's block has one item."""
_MORE_BITS, _MORE_PATTERN = 0x8080_8080_8080, 0x0080_8080_8080
"""Of the six bytes of a time, little-endian, those bits, and how they must be."""
_Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Spots:
    """Where times and values of each series begin in a message, and how many there are of each."""

    counts: Ints
    times_at: Ints
    values_at: Ints

    def check(self, data: bytes) -> None:
        """Raise DoubtError unless the arrays end where they should, IndexError if that is past the end."""
        raw = np.frombuffer(data, np.uint8)
        expect(not raw[self.times_at + TIME_BYTES * self.counts].any())
        expect(not raw[self.values_at + VALUE_BYTES * self.counts].any())
        expect(bool((raw[self.values_at[self.counts == 1] - 1] == _ONE).all()))

    def of_each(self) -> tuple[Ints, Ints]:
        """Where each time and each value is."""
        counts = self.counts
        if counts.size == counts.sum():
            return self.times_at, self.values_at
        first = np.repeat(np.cumsum(counts) - counts, counts)
        within = np.arange(first.size) - first
        return (
            np.repeat(self.times_at, counts) + TIME_BYTES * within,
            np.repeat(self.values_at, counts) + VALUE_BYTES * within,
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """A message from where its series begin: all that is not a sample, and where the samples are."""

    lineup: Lineup
    times_at: Ints
    values_at: Ints
    fixed: _Bytes | None = None
    """The bits of `mask` in the message it was made from; None: no other is compared with it."""
    mask: _Bytes | None = None

    @classmethod
    def of(cls, lineup: Lineup, spots: Spots) -> Layout:
        return cls(lineup, *spots.of_each())

    def remembering(self, data: bytes, start: int) -> Layout:
        """The same, able to tell whether another message is written like `data` from `start` on."""
        raw = np.frombuffer(data, np.uint8, offset=start)
        mask = np.full(raw.size, 0xFF, np.uint8)
        times_at, values_at = self.times_at - start, self.values_at - start
        mask[times_at[:, None] + np.arange(TIME_BYTES)] = _MORE
        mask[values_at[:, None] + np.arange(VALUE_BYTES)] = 0
        return Layout(self.lineup, times_at, values_at, raw & mask, mask)

    def fits(self, data: bytes, start: int) -> bool:
        """Whether the message is written alike from `start` on: then so are its samples from there."""
        if self.mask is None or self.fixed is None or len(data) - start != self.mask.size:
            return False
        raw = np.frombuffer(data, np.uint8, offset=start)
        return bool(((raw & self.mask) == self.fixed).all())

    def samples(self, data: bytes, start: int = 0) -> tuple[Ints, Floats]:
        """Return times and values. Raises DoubtError where times are not six bytes each, or decrease."""
        words = np.ndarray((len(data) - start - 7,), "<u8", data, start, strides=(1,))
        times_ms = _times(words[self.times_at])
        falls = np.flatnonzero(times_ms[1:] < times_ms[:-1]) + 1
        if falls.size:
            expect(bool(np.isin(falls, np.cumsum(self.lineup.counts)).all()))
        return times_ms, words[self.values_at].view(np.float64)


def _times(words: NDArray[np.uint64]) -> Ints:
    """Avro longs of six bytes each: seven bits a byte, least first, zigzag."""
    expect(bool(((words & np.uint64(_MORE_BITS)) == np.uint64(_MORE_PATTERN)).all()))
    folded = np.zeros(words.size, np.uint64)
    for number in range(TIME_BYTES):
        folded |= (words & np.uint64(0x7F << (8 * number))) >> np.uint64(number)
    signed = folded.view(np.int64)
    return (signed >> 1) ^ -(signed & 1)
