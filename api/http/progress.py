"""The order of an investigation's live events, and the ids that let a listener go on where it was cut off. Pure.

An investigation speaks in three topics, each in one partition, because its id is the message key. An event id tells how
far the listener is in each, `<log>.<status>.<evidence>.<reports>`: every part only grows, and the same id means the same
place in every process that serves the stream.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from api.read_ports import FeedItem
from schemas.events import Evidence, InvestigationStatus, Report

__all__ = ["TOPICS", "StreamPosition", "in_order"]

TOPICS: Final = (InvestigationStatus.TOPIC, Evidence.TOPIC, Report.TOPIC)

_NOWHERE = -1
_ID: Final = re.compile(r"([0-9a-f]{8})((?:\.(?:-1|\d{1,18})){3})")


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """For each topic the offset that is wanted next; -1 before anything was given."""

    log: str
    wanted: tuple[int, ...] = (_NOWHERE,) * len(TOPICS)

    @classmethod
    def parse(cls, text: str | None, log: str) -> Self:
        """Return the place that an id names; the beginning for none, for one of another log, for anything else."""
        found = _ID.fullmatch(text or "")
        if found is None or found[1] != log:
            return cls(log)
        return cls(log, tuple(int(part) for part in found[2][1:].split(".")))

    @property
    def at_the_beginning(self) -> bool:
        return max(self.wanted) == _NOWHERE

    def has_passed(self, item: FeedItem) -> bool:
        """Whether a listener who is here has been given this event."""
        return item.offset < self.wanted[TOPICS.index(item.topic)]

    def past(self, item: FeedItem) -> StreamPosition:
        """Return the place behind the event."""
        place = TOPICS.index(item.topic)
        wanted = max(self.wanted[place], item.offset + 1)
        return replace(self, wanted=(*self.wanted[:place], wanted, *self.wanted[place + 1 :]))

    def __str__(self) -> str:
        return ".".join((self.log, *map(str, self.wanted)))


def in_order(*told: Iterable[FeedItem]) -> Iterator[FeedItem]:
    """Yield the events of all that was told, each once: in log order within a topic, by time across topics."""
    rows = [item for items in told for item in items]
    by_topic = [sorted((item for item in rows if item.topic == topic), key=_offset) for topic in TOPICS]
    seen: set[str] = set()
    for item in heapq.merge(*_without_repeats(by_topic), key=lambda item: item.event.occurred_at):
        if item.event.event_id not in seen:
            seen.add(item.event.event_id)
            yield item


def _without_repeats(by_topic: Sequence[Sequence[FeedItem]]) -> list[list[FeedItem]]:
    """One item per offset: what has landed may have been heard too. Those of an earlier log all have -1."""
    kept: list[list[FeedItem]] = []
    for items in by_topic:
        offsets = {item.offset: item for item in items if item.offset != _NOWHERE}
        kept.append([*(item for item in items if item.offset == _NOWHERE), *offsets.values()])
    return kept


def _offset(item: FeedItem) -> int:
    return item.offset
