"""What agents publish, on the broker."""

from __future__ import annotations

from dataclasses import dataclass

from agents.ports import Published
from streams.producer import EventProducer

__all__ = ["BrokerPublisher"]


@dataclass(frozen=True, slots=True)
class BrokerPublisher:
    """Satisfies agents.ports.Publisher."""

    producer: EventProducer

    async def publish(self, *events: Published) -> None:
        await self.producer.publish_all(events)
