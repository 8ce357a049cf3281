from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.events import ChangeRaw
from streams.kafka import KafkaSettings, make_consumer
from streams.messages import Message


@dataclass
class Buried:
    """A DeadLetterOffice that remembers."""

    letters: list[tuple[Message, str, str, str]] = field(default_factory=list)

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str) -> None:
        self.letters.append((message, stage, reason, detail))


@dataclass
class Bench:
    """One topic on the broker, a producer for it and a look at a group's offsets."""

    settings: KafkaSettings
    topic: str
    group: str
    client: AIOKafkaProducer

    async def produce(self, *values: str, key: str | None = None, partition: int | None = None) -> None:
        for value in values:
            await self.client.send_and_wait(
                self.topic, value.encode(), key=key.encode() if key else None, partition=partition
            )

    async def committed(self, partitions: int) -> dict[int, int]:
        consumer = make_consumer(self.settings, self.group)
        await consumer.start()
        try:
            places = [TopicPartition(self.topic, number) for number in range(partitions)]
            return {place.partition: await consumer.committed(place) or 0 for place in places}
        finally:
            await consumer.stop()


def change(number: int, service: str = "cart") -> ChangeRaw:
    """The event of this number: the same each time."""
    return ChangeRaw(
        tenant="acme",
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        source="test",
        service=service,
        title=f"deploy {number}",
    )
