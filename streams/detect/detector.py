"""All series of one worker: batches in, alarms out. Pure: no clock, no I/O; not thread-safe."""

from __future__ import annotations

from bisect import bisect_right

from schemas.events import AlarmRaw, KpiBatch, KpiSamples
from streams.detect.alarms import SeriesName, alarm_of
from streams.detect.book import Book
from streams.detect.settings import DetectRules
from streams.detect.silence import look_for_silence, note_arrival

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
        """Take a batch of the partition, in the partition's order, and return the alarms it brings about.

        The same batch again changes nothing and returns none. `now_ms` is the wall clock: samples too far ahead of it
        are ignored.
        """
        book = self._books.setdefault(partition, Book(self._rules))
        limit_ms = now_ms + round(self._rules.max_ahead_s * 1000)
        before_ms = book.watermark_ms
        alarms = [
            alarm
            for column in batch.series
            for alarm in self._column(book, batch, column, limit_ms, before_ms)
        ]
        book.heard_ms = now_ms
        self._evict()
        spoke = any((unit.tenant, unit.service) == (batch.tenant, batch.service) for unit in book.silent)
        return alarms + self._look(book, book.watermark_ms, at_once=spoke)

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

    def _column(
        self, book: Book, batch: KpiBatch, column: KpiSamples, limit_ms: int, before_ms: int
    ) -> list[AlarmRaw]:
        times_ms, values = column.times_ms, column.values
        if times_ms[-1] > limit_ms:
            kept = bisect_right(times_ms, limit_ms)
            times_ms, values = times_ms[:kept], values[:kept]
        if not times_ms:
            return []
        name = SeriesName(batch.tenant, batch.service, column.metric, tuple(sorted(column.labels.items())))
        self._turn += 1
        series = book.touch(name, self._turn, times_ms[0])
        heard_ms = series.last_ms
        findings = series.feed(times_ms, values)
        if series.last_ms > heard_ms:
            book.heard(name, series, self._turn)
            note_arrival(series, heard_ms, before_ms, self._rules)
        book.watermark_ms = max(book.watermark_ms, times_ms[-1])
        return [alarm_of(name, finding) for finding in findings]

    def _look(self, book: Book, watermark_ms: int, *, at_once: bool = False) -> list[AlarmRaw]:
        if watermark_ms - book.looked_ms < _LOOK_MS and not at_once:
            return []
        book.looked_ms = watermark_ms
        return [
            alarm_of(unit, finding) for unit, finding in look_for_silence(book, watermark_ms, self._rules)
        ]

    def _evict(self) -> None:
        excess = self.series - self._rules.max_series
        for _ in range(excess):
            turns = {turn: book for book in self._books.values() if (turn := book.oldest_turn()) is not None}
            turns[min(turns)].drop_oldest()
