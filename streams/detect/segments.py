"""Columns of samples cut where blocks begin: the sums of each piece, and the order to take them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streams.detect.blocks import LIMIT
from streams.detect.tables import Bools, Columns, Floats, Ints, Numbers

__all__ = ["Segments", "segments_of"]


@dataclass(frozen=True, slots=True)
class Segments:
    """The samples of one column within one block, by segment; a column's segments are in order of time."""

    column: Numbers
    number: Ints
    """Of the block."""
    start: Numbers
    """Where the samples begin in `times_ms` and `values`."""
    count: Ints
    first_ms: Ints
    last_ms: Ints
    centre: Floats
    """The first value; the sums are of distances from it."""
    total: Floats
    squares: Floats
    low: Floats
    high: Floats
    times_ms: Ints
    """Only samples that count."""
    values: Floats

    def rest_from(self, segment: int) -> slice:
        """Where the samples of the segment, and of its column's later ones, are in `times_ms` and `values`."""
        after = int(np.searchsorted(self.column, self.column[segment], side="right"))
        end = int(self.start[after]) if after < self.start.size else self.times_ms.size
        return slice(int(self.start[segment]), end)

    def rounds(self) -> Iterator[Numbers]:
        """Yield numbers of segments, at most one a column at a time: the first of each, then the second of each ..."""
        size = self.column.size
        if not size:
            return
        starts = np.flatnonzero(np.diff(self.column, prepend=-1))
        if starts.size == size:
            yield starts
            return
        rank = np.arange(size) - np.repeat(starts, np.diff(starts, append=size))
        order = np.argsort(rank, kind="stable")
        yield from np.split(order, np.cumsum(np.bincount(rank))[:-1])


def segments_of(columns: Columns, chosen: Bools, last_ms: Ints, length_ms: Ints) -> Segments:
    """Cut the chosen columns; `last_ms` and `length_ms` are of each column's series.

    Samples that are missing, or not later than what their series has had, do not count.
    """
    column = np.repeat(np.arange(columns.counts.size), columns.counts)
    times, values = columns.times_ms, columns.values
    with np.errstate(invalid="ignore"):
        fresh = np.abs(values) < LIMIT
    fresh &= (times > last_ms[column]) & chosen[column]
    if not fresh.all():
        times, values, column = times[fresh], values[fresh], column[fresh]
    repeated = np.flatnonzero((np.diff(times) == 0) & (np.diff(column) == 0)) + 1
    if repeated.size:
        kept = np.ones(times.size, np.bool_)
        kept[repeated] = False
        times, values, column = times[kept], values[kept], column[kept]
    return _cut(column, times, values, length_ms)


def _cut(column: Numbers, times: Ints, values: Floats, length_ms: Ints) -> Segments:
    number = times // length_ms[column]
    starts = np.flatnonzero(_changes(number) | _changes(column))
    centre = values[starts]
    facts = (column[starts], number[starts], starts)
    if starts.size == times.size:
        nothing = np.zeros(times.size)
        one = np.ones(times.size, np.int64)
        return Segments(*facts, one, times, times, centre, nothing, nothing, nothing, nothing, times, values)
    count = np.diff(starts, append=times.size)
    offs = values - np.repeat(centre, count)
    return Segments(
        *facts,
        count,
        times[starts],
        times[starts + count - 1],
        centre,
        np.add.reduceat(offs, starts),
        np.add.reduceat(offs * offs, starts),
        np.minimum.reduceat(offs, starts),
        np.maximum.reduceat(offs, starts),
        times,
        values,
    )


def _changes(values: Ints) -> Bools:
    changes = np.ones(values.size, np.bool_)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes
