"""Messages that carry events to the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.events import Event
from sinks.clickhouse.landing import ClickHouseLanding


@dataclass(slots=True)
class FixedClock:
    """Says what it was told, in the test's present: what has expired is deleted by the server's own clock."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.time


@dataclass(frozen=True, slots=True)
class Landed:
    event: Event
    topic: str
    partition: int
    offset: int


def messages(events: Sequence[Event], *, first: int = 0, partition: int = 0) -> list[Landed]:
    return [Landed(event, event.TOPIC, partition, first + number) for number, event in enumerate(events)]


async def land(
    landing: ClickHouseLanding, *events: Event, first: int = 0, partition: int = 0
) -> list[Landed]:
    """Land events of one topic as one batch, at the offsets from `first` on."""
    batch = messages(events, first=first, partition=partition)
    topic = batch[0].topic
    await landing.insert(topic, batch, f"{topic}:{partition}:{first}-{first + len(batch) - 1}")
    return batch
