"""Declared batches that outlive a crash: the group's offset says what has landed, a companion group's what is being landed.

The natural place, the metadata of a commit, is not kept by every broker (Tansu drops it). So the declaration is an
offset: the companion group `<group>.intents` holds the end of the declared batch. Where it is ahead of the group's own
offset, a batch was declared and not finished. The companion has no members, so its commits are not fenced; each is
followed by a fenced commit of the group's own position, so a member that was put out of the group inserts nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.kafka import KafkaSettings, make_admin, make_consumer
from streams.messages import Partition

__all__ = ["Intents", "Standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partition stands: the first offset that has not landed, and the last of a declared batch, if any."""

    position: int
    declared_last: int | None


class Intents:
    """Reads and writes declarations for one member of a landing group. Start it, and stop it at the end.

    Every method may raise KafkaError.
    """

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        self._group = group
        self._companion = f"{group}.intents"
        self._consumer: AIOKafkaConsumer = make_consumer(settings, self._companion)
        self._admin: AIOKafkaAdminClient = make_admin(settings)

    async def start(self) -> None:
        await self._consumer.start()
        await self._admin.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._admin.close()

    def cover(self, partitions: Collection[Partition]) -> None:
        """Name the partitions that may be declared from now on. Nothing is ever read from them here."""
        places = [TopicPartition(*partition) for partition in partitions]
        self._consumer.assign(places)
        self._consumer.pause(*places)

    async def read(self, partitions: Collection[Partition]) -> Mapping[Partition, Standing]:
        """Return where each partition stands; one that was never committed stands at 0."""
        places = [TopicPartition(*partition) for partition in partitions]
        landed = await self._admin.list_consumer_group_offsets(self._group, partitions=places)
        declared = await self._admin.list_consumer_group_offsets(self._companion, partitions=places)
        return {
            Partition(*place): _standing(landed[place].offset, declared[place].offset) for place in places
        }

    async def declare(self, partition: Partition, last: int) -> None:
        """Make it durable that the batch from the landed position to `last` is about to be inserted."""
        await self._consumer.commit({TopicPartition(*partition): last + 1})


def _standing(landed: int, declared: int) -> Standing:
    """Offsets are -1 where a group has none; a declaration without a position was never acted on."""
    if landed < 0:
        return Standing(0, None)
    return Standing(landed, declared - 1 if declared > landed else None)
