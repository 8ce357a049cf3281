"""A KPI batch as columns: which series, how many samples of each, all times, all values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.events import KpiBatch
from streams.detect.alarms import SeriesName
from streams.detect.tables import Floats, Ints

__all__ = ["Frame", "Lineup", "SeriesKey", "frame_of"]


class SeriesKey:
    """A series as messages name it; the same object each time, found by identity: names are slow to hash.

    `written` is what is written of it in each message, empty where it was not read from one; `follower` is which key
    followed it last.
    """

    __slots__ = ("follower", "name", "written")

    def __init__(self, name: SeriesName, written: bytes = b"") -> None:
        self.name = name
        self.written = written
        self.follower: SeriesKey | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Lineup:
    """The series of a batch and how many samples it has of each; compared by identity."""

    keys: Sequence[SeriesKey]
    counts: Ints

    @property
    def lasting(self) -> bool:
        """Whether the next batch may bring the same object."""
        return bool(self.keys[0].written)


@dataclass(frozen=True, slots=True)
class Frame:
    """One batch; the samples of a series are together, in order of time. Every series has at least one."""

    tenant: str
    service: str
    lineup: Lineup
    times_ms: Ints
    values: Floats

    @property
    def samples(self) -> int:
        return self.times_ms.size

    def until(self, limit_ms: int) -> Frame:
        """Without the samples after this time, and without series that have no other."""
        kept = self.times_ms <= limit_ms
        if kept.all():
            return self
        keys, counts = self.lineup.keys, self.lineup.counts
        column = np.repeat(np.arange(counts.size), counts)[kept]
        counts = np.bincount(column, minlength=counts.size)
        keys = [key for key, count in zip(keys, counts.tolist(), strict=True) if count]
        lineup = Lineup(keys, counts[counts > 0])
        return Frame(self.tenant, self.service, lineup, self.times_ms[kept], self.values[kept])


def frame_of(batch: KpiBatch) -> Frame:
    """Return the same as columns."""
    return Frame(
        batch.tenant,
        batch.service,
        Lineup(
            [
                SeriesKey(
                    SeriesName(batch.tenant, batch.service, one.metric, tuple(sorted(one.labels.items())))
                )
                for one in batch.series
            ],
            np.array([len(one.times_ms) for one in batch.series], np.int64),
        ),
        np.array([at for one in batch.series for at in one.times_ms], np.int64),
        np.array([value for one in batch.series for value in one.values], np.float64),
    )
