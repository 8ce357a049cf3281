"""A Kafka message and its partition as plain values, free of any client library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from schemas.events import Event

__all__ = ["LandedMessage", "Message", "Partition"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Partition(NamedTuple):
    """One partition of one topic, by its name on the broker; equal to aiokafka's TopicPartition of the same values."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Message:
    """A record as the broker has it, verbatim. `topic` is the name on the broker, `at` the record's timestamp, UTC."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    at: datetime = _EPOCH

    @classmethod
    def of(cls, record: Any) -> Self:
        """Take over aiokafka's ConsumerRecord."""
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=tuple((name, value) for name, value in record.headers),
            at=datetime.fromtimestamp(max(record.timestamp, 0) / 1000, UTC),
        )

    @property
    def place(self) -> Partition:
        return Partition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class LandedMessage:
    """A decoded message and where it is in the log. `topic` is the bare name."""

    event: Event
    topic: str
    partition: int
    offset: int
