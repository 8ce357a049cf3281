"""Where batches of one partition are cut: by count, size or age, and after a crash where they were cut before.

A range is declared durably before its rows are inserted. Until it is committed, every successor finds the declaration, reads
the same offsets again and cuts at the same place, so the same rows carry the same token (FACTS.md: deduplication by
`insert_deduplication_token`). Pure: time comes in as an argument.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from streams.messages import Message

__all__ = ["Batch", "CutRule", "Cutter"]


@dataclass(frozen=True, slots=True)
class CutRule:
    """When a batch is full: at `max_messages` or `max_bytes`, or `max_age` after its first message came in."""

    max_messages: int = 2_000
    max_bytes: int = 16 * 1024 * 1024
    max_age: timedelta = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages in the offsets from `first` to `last`, both included; offsets in between may be missing."""

    first: int
    last: int
    messages: tuple[Message, ...]

    def token(self, topic: str, partition: int) -> str:
        return f"{topic}:{partition}:{self.first}-{self.last}"


class Cutter:
    """Cuts one partition in one assignment. Offsets are covered without gap: a batch begins where the last one ended."""

    def __init__(self, rule: CutRule, position: int, declared_last: int | None = None) -> None:
        """Begin at `position`.

        Args:
            rule: where to cut.
            position: the committed offset, which is the first of the next batch.
            declared_last: the last offset of a batch that was declared and not committed.
        """
        self._rule = rule
        self._position = position
        self._declared_last = (
            declared_last if declared_last is not None and declared_last >= position else None
        )
        self._buffer: deque[tuple[Message, datetime]] = deque()
        self._bytes = 0

    def add(self, message: Message, now: datetime) -> None:
        """Take the next message, in offset order. Those before the position are passed over."""
        if message.offset >= self._position:
            self._buffer.append((message, now))
            self._bytes += _size(message)

    def cut(self, now: datetime, read_up_to: int) -> Batch | None:
        """Return the next batch that is due, or None.

        Args:
            now: the time to measure the age against.
            read_up_to: the consumer's position: no message below it is still to come.
        """
        if self._declared_last is not None:
            return self._cut_declared(self._declared_last, read_up_to)
        count = self._due(now)
        return self._take(count, None) if count else None

    @property
    def position(self) -> int:
        """The first offset that is in no batch yet."""
        return self._position

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    @property
    def full(self) -> bool:
        """Whether more messages would only wait: time to pause the partition. A declared batch must be read whole."""
        if self._declared_last is not None:
            return False
        return self.buffered >= 2 * self._rule.max_messages or self._bytes >= 2 * self._rule.max_bytes

    @property
    def due_at(self) -> datetime | None:
        """When age alone will make a batch due; None with nothing buffered, or while a declared batch is read again."""
        waiting = self._buffer and self._declared_last is None
        return self._buffer[0][1] + self._rule.max_age if waiting else None

    def _cut_declared(self, last: int, read_up_to: int) -> Batch | None:
        beyond = read_up_to > last or (self.buffered and self._buffer[-1][0].offset >= last)
        if not beyond:
            return None
        self._declared_last = None
        return self._take(sum(message.offset <= last for message, _ in self._buffer), last)

    def _due(self, now: datetime) -> int:
        """How many messages the next batch has, 0 when it is not due."""
        if self.buffered < self._rule.max_messages and self._bytes < self._rule.max_bytes:
            due_at = self.due_at
            return self.buffered if due_at is not None and now >= due_at else 0
        size = 0
        for count, (message, _) in enumerate(self._buffer, start=1):
            size += _size(message)
            if count >= self._rule.max_messages or size >= self._rule.max_bytes:
                return count
        return self.buffered

    def _take(self, count: int, declared_last: int | None) -> Batch:
        taken = tuple(self._buffer.popleft()[0] for _ in range(count))
        self._bytes -= sum(map(_size, taken))
        last = taken[-1].offset if declared_last is None else declared_last
        batch = Batch(self._position, last, taken)
        self._position = last + 1
        return batch


def _size(message: Message) -> int:
    return len(message.value or b"") + len(message.key or b"")
