"""The topics as the API tells of them: the catalogue beside what is on the broker, and how far each group is."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from api.http.views import ConsumerLag, TopicView
from schemas.registry import SchemaRegistry, builtin_registry
from schemas.topics import CATALOGUE, Topic, TopicNames
from streams.admin import TopicAdmin, open_admin
from streams.kafka import KafkaSettings

if TYPE_CHECKING:
    from infra.runtime.clock import SystemClock

__all__ = ["BrokerTopics"]

_KEPT_S: Final = 3.0
_GROUPS: Final = "tocsin"
_NOTES: Final = ".intents"
"""Groups in which landing notes what it is about to insert: nobody reads by them."""


@dataclass(slots=True)
class BrokerTopics:
    """Satisfies api.read_ports.TopicStates: asks the broker at most every few seconds, for all who ask."""

    kafka: KafkaSettings
    clock: SystemClock
    schemas: SchemaRegistry = field(default_factory=builtin_registry)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: tuple[TopicView, ...] = ()
    _until: float = float("-inf")

    async def topics(self) -> tuple[TopicView, ...]:
        """Raises UnavailableError."""
        async with self._turn:
            if self.clock.monotonic() >= self._until:
                async with open_admin(self.kafka) as admin:
                    self._known = await _looked(admin, self.kafka.names, self.schemas)
                self._until = self.clock.monotonic() + _KEPT_S
            return self._known


async def _looked(admin: TopicAdmin, names: TopicNames, schemas: SchemaRegistry) -> tuple[TopicView, ...]:
    held: dict[str, int] = defaultdict(int)
    for one in await admin.ends():
        held[one.topic] += one.end - one.beginning
    lags = await _lags(admin, names.prefix)
    return tuple(
        _topic(topic, names, held, lags[name], schemas.current[name].id) for name, topic in CATALOGUE.items()
    )


async def _lags(admin: TopicAdmin, prefix: str) -> dict[str, list[ConsumerLag]]:
    """A group reads a topic if it ever committed there."""
    lags: dict[str, list[ConsumerLag]] = defaultdict(list)
    for group in await admin.groups():
        if not group.startswith(f"{prefix}{_GROUPS}") or group.endswith(_NOTES):
            continue
        behind: dict[str, int] = defaultdict(int)
        reads: set[str] = set()
        for one in await admin.lag(group):
            behind[one.topic] += one.lag
            if one.committed is not None:
                reads.add(one.topic)
        for topic in sorted(reads):
            lags[topic].append(ConsumerLag(group=group, lag=behind[topic]))
    return lags


def _topic(
    topic: Topic, names: TopicNames, held: dict[str, int], consumers: list[ConsumerLag], schema_id: int
) -> TopicView:
    exists = topic.name in held
    return TopicView(
        topic=topic.name,
        name_on_broker=names.on_broker(topic.name),
        key=topic.key,
        event_type=topic.event.TYPE,
        partitions=topic.partitions,
        retention_s=None if topic.retention is None else topic.retention.total_seconds(),
        compacted=topic.compacted,
        subject=f"{names.on_broker(topic.name)}-value",
        schema_id=schema_id,
        exists=exists,
        messages=held[topic.name] if exists else None,
        consumers=tuple(consumers),
    )
