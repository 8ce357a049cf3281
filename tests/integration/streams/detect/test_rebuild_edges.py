"""What a worker reads again before it goes on, against a real broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.events import KpiBatch
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.detect.rebuild import reread
from streams.kafka import KafkaSettings
from streams.messages import Message, Partition
from streams.producer import open_producer
from tests.unit.streams.detect.kpi_shapes import T0, kpi_batch

pytestmark = pytest.mark.broker

COUNT = 120
HOUR = timedelta(hours=1)


@dataclass
class Log:
    """A partition with COUNT messages, all written just now."""

    settings: KafkaSettings
    place: Partition
    taken: list[int] = field(default_factory=list)

    async def reread(
        self, committed: int, *, ahead: timedelta = timedelta(), window: timedelta = HOUR
    ) -> list[int]:
        """The offsets that are read again by a worker whose clock shows so much later."""
        self.taken.clear()
        now = datetime.now(UTC) + ahead
        await reread(self.settings, self.place, committed, now=now, window=window, take=self._take)
        return list(self.taken)

    async def _take(self, message: Message) -> None:
        self.taken.append(message.offset)


@pytest.fixture
async def log(kafka: KafkaSettings) -> AsyncIterator[Log]:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/detect") as producer:
        await admin.ensure([replace(topic_of(KpiBatch), partitions=1)])
        await producer.publish_all([kpi_batch({"cpu": [1.0]}, [T0 + 1000 * n]) for n in range(COUNT)])
        yield Log(kafka, Partition(kafka.names.on_broker(KpiBatch.TOPIC), 0))


@pytest.mark.parametrize("committed", [COUNT, COUNT - 1, 51, 1])
async def test_all_before_the_committed_offset_is_taken_in_order(log: Log, committed: int) -> None:
    assert await log.reread(committed) == list(range(committed))


async def test_nothing_is_taken_before_the_first_commit(log: Log) -> None:
    assert await log.reread(0) == []


async def test_a_window_that_holds_nothing_is_empty(log: Log) -> None:
    """All is committed, and older than the window."""
    assert await log.reread(COUNT, ahead=2 * HOUR) == []


async def test_after_a_long_absence_the_window_ends_at_what_waits(log: Log) -> None:
    """Something is not committed yet: what came just before it counts, however late it is now."""
    assert await log.reread(100, ahead=30 * 24 * HOUR) == list(range(100))


async def test_an_empty_partition_has_no_past(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin:
        await admin.ensure([replace(topic_of(KpiBatch), partitions=1)])
        log = Log(kafka, Partition(kafka.names.on_broker(KpiBatch.TOPIC), 0))
        assert await log.reread(0) == []
