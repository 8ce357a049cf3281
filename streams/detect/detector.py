"""All series of one worker: batches in, alarms out. Pure: no clock, no I/O; not thread-safe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from schemas.events import AlarmRaw, KpiBatch
from streams.detect.alarms import alarm_of
from streams.detect.arrivals import note_arrivals
from streams.detect.book import Book, Places
from streams.detect.frames import Frame, frame_of
from streams.detect.settings import DetectRules
from streams.detect.silence import look_for_silence
from streams.detect.tables import Columns, Ints, Numbers

__all__ = ["Detector"]

_LIVE_MS = 600_000
_LOOK_MS = 5_000


class Detector:
    """State by partition, because partitions come and go; the bound on series is for all of them together."""

    def __init__(self, rules: DetectRules) -> None:
        self._rules = rules
        self._books: dict[int, Book] = {}
        self._turn = 0

    @property
    def series(self) -> int:
        """How many series have state."""
        return sum(map(len, self._books.values()))

    def apply(self, partition: int, batch: KpiBatch, now_ms: int) -> list[AlarmRaw]:
        """Take one batch; see `apply_all`."""
        return self.apply_all(partition, [frame_of(batch)], now_ms)

    def apply_all(self, partition: int, frames: Sequence[Frame], now_ms: int) -> list[AlarmRaw]:
        """Take batches of the partition, in the partition's order, and return the alarms they bring about.

        What they bring about does not depend on how many are taken at once. The same batch again changes nothing and
        returns none. `now_ms` is the wall clock: samples too far ahead of it are ignored.
        """
        book = self._books.setdefault(partition, Book(self._rules))
        limit_ms = now_ms + round(self._rules.max_ahead_s * 1000)
        gathered = _Gathered(book, self._rules)
        alarms: list[AlarmRaw] = []
        for frame in frames:
            alarms += self._gather(gathered, frame.until(limit_ms))
            book.heard_ms = now_ms
            excess = self.series - self._rules.max_series
            spoke = any((unit.tenant, unit.service) == (frame.tenant, frame.service) for unit in book.silent)
            if excess > 0 or spoke or _is_due(book, book.watermark_ms):
                alarms += gathered.feed()
                self._evict(excess)
                alarms += self._look(book, book.watermark_ms, at_once=spoke)
        return alarms + gathered.feed()

    def idle(self, partition: int, now_ms: int) -> list[AlarmRaw]:
        """Let time pass in a partition where nothing comes any more: only if what came last was of its time.

        To be called only while the partition is known to hold nothing unread.
        """
        book = self._books.get(partition)
        if book is None or not 0 < book.heard_ms - book.watermark_ms + _LIVE_MS < 2 * _LIVE_MS:
            return []
        return self._look(book, book.watermark_ms + max(0, now_ms - book.heard_ms))

    def drop(self, partition: int) -> None:
        """Forget a partition that is no longer ours."""
        self._books.pop(partition, None)

    def _gather(self, gathered: _Gathered, frame: Frame) -> list[AlarmRaw]:
        if not frame.samples:
            return []
        book, turn = gathered.book, self._turn + 1
        counts = frame.lineup.counts
        self._turn += counts.size
        places = book.touch(frame.lineup, turn, frame.times_ms[np.cumsum(counts) - counts])
        turns = turn + np.arange(counts.size)
        alarms: list[AlarmRaw] = []
        columns = Columns(places.slots, counts, frame.times_ms, frame.values)
        for part, chosen in _distinct(columns, places.ranks):
            if not gathered.has_room(places):
                alarms += gathered.feed()
            gathered.add(part, places, turns[chosen])
        book.watermark_ms = max(book.watermark_ms, int(frame.times_ms.max()))
        return alarms

    def _look(self, book: Book, watermark_ms: int, *, at_once: bool = False) -> list[AlarmRaw]:
        if not _is_due(book, watermark_ms) and not at_once:
            return []
        book.looked_ms = watermark_ms
        return [
            alarm_of(unit, finding) for unit, finding in look_for_silence(book, watermark_ms, self._rules)
        ]

    def _evict(self, excess: int) -> None:
        """Drop so many series, those unheard for longest."""
        if excess <= 0:
            return
        held = [(book, *book.turns()) for book in self._books.values()]
        last = np.sort(np.concatenate([turns for _, _, turns in held]))[excess - 1]
        for book, slots, turns in held:
            for slot in slots[turns <= last].tolist():
                book.drop(book.name_of(slot))


class _Gathered:
    """Columns of several frames, none of a series twice, to be taken at once: numpy earns its keep on many."""

    def __init__(self, book: Book, rules: DetectRules) -> None:
        self.book = book
        self._rules = rules
        self._clear()

    def _clear(self) -> None:
        self._slots: set[int] = set()
        self._columns: list[Columns] = []
        self._turns: list[Ints] = []
        self._watermarks: list[int] = []

    def has_room(self, places: Places) -> bool:
        return self._slots.isdisjoint(places.members)

    def add(self, columns: Columns, places: Places, turns: Ints) -> None:
        """Add what comes at the book's watermark; no slot is twice in `columns` nor here already."""
        self._slots |= places.members
        self._columns.append(columns)
        self._turns.append(turns)
        self._watermarks.append(self.book.watermark_ms)

    def feed(self) -> list[AlarmRaw]:
        """Let the series have their columns, note what was heard, and be empty. Returns the alarms."""
        if not self._columns:
            return []
        columns = _joined(self._columns)
        turns = np.concatenate(self._turns)
        watermarks = np.repeat(self._watermarks, [one.slots.size for one in self._columns])
        self._clear()
        slots, table = columns.slots, self.book.table
        heard_ms = table["last_ms"][slots]
        found = self.book.ensemble.feed(columns)
        news = np.flatnonzero(table["last_ms"][slots] > heard_ms)
        table["turn"][slots[news]] = turns[news]
        note_arrivals(table, slots[news], heard_ms[news], watermarks[news], self._rules)
        return [
            alarm_of(self.book.name_of(int(slots[column])), finding)
            for column in sorted(found)
            for finding in found[column]
        ]


def _is_due(book: Book, watermark_ms: int) -> bool:
    return watermark_ms - book.looked_ms >= _LOOK_MS


def _joined(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return Columns(
        np.concatenate([one.slots for one in parts]),
        np.concatenate([one.counts for one in parts]),
        np.concatenate([one.times_ms for one in parts]),
        np.concatenate([one.values for one in parts]),
    )


def _distinct(columns: Columns, ranks: Numbers | None) -> Iterator[tuple[Columns, Numbers | slice]]:
    """Yield the columns, and which they are, so that no series is twice in one piece."""
    if ranks is None:
        yield columns, slice(None)
        return
    rank_of_sample = np.repeat(ranks, columns.counts)
    for rank in range(int(ranks.max()) + 1):
        chosen, samples = np.flatnonzero(ranks == rank), rank_of_sample == rank
        yield (
            Columns(
                columns.slots[chosen],
                columns.counts[chosen],
                columns.times_ms[samples],
                columns.values[samples],
            ),
            chosen,
        )
