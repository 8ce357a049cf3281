"""Makes partitions with holes: topics that compact while one watches, and transactions that are aborted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from schemas.codec import encode
from schemas.events import Event
from schemas.topics import Topic
from streams.kafka import KafkaSettings, connection_options, make_admin, make_producer
from streams.messages import Message
from streams.reader import open_reader

__all__ = [
    "compact_eagerly",
    "compacting_topic",
    "cut_off",
    "holes_in",
    "in_transactions",
    "messages_of",
    "until_compacted",
]

_EAGER = {
    "cleanup.policy": "compact",
    "segment.ms": "200",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "200",
    "delete.retention.ms": "100",
}


async def compacting_topic(kafka: KafkaSettings, topic: Topic) -> None:
    """Create the topic so that it is compacted within seconds; `ensure` leaves it as it is."""
    admin = make_admin(kafka)
    await admin.start()
    try:
        name = kafka.names.on_broker(topic.name)
        await admin.create_topics([NewTopic(name, topic.partitions, 1, topic_configs=_EAGER)])
    finally:
        await admin.close()


async def compact_eagerly(kafka: KafkaSettings, *topics: str) -> None:
    """The same for topics that are there and in use."""
    admin = make_admin(kafka)
    await admin.start()
    try:
        names = [kafka.names.on_broker(topic) for topic in topics]
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name, configs=_EAGER) for name in names]
        for answer in await admin.alter_configs(wanted):
            assert not any(error for error, *_ in answer.resources), answer
    finally:
        await admin.close()


async def messages_of(kafka: KafkaSettings, topic: str) -> list[Message]:
    async with open_reader(kafka) as reader:
        return [one async for one in reader.messages([topic])]


async def until_compacted(kafka: KafkaSettings, topic: Topic, filler: Event) -> list[Message]:
    """Return what is left once nothing more can go: one message of each key, and the filler.

    `filler` closes segments: only closed ones are compacted.
    """
    name, value = kafka.names.on_broker(topic.name), encode(filler)
    client = make_producer(kafka)
    await client.start()
    try:
        async with asyncio.timeout(60):
            while True:
                for partition in range(topic.partitions):
                    await client.send_and_wait(name, value, key=filler.key.encode(), partition=partition)
                left = await messages_of(kafka, topic.name)
                kept = [(one.partition, one.key) for one in left if one.key != filler.key.encode()]
                if len(kept) == len(set(kept)):
                    return left
                await asyncio.sleep(0.3)
    finally:
        await client.stop()


def holes_in(messages: Sequence[Message], partition: int) -> int:
    """How many offsets before the last one have no message any more."""
    offsets = [one.offset for one in messages if one.partition == partition]
    return max(offsets, default=-1) + 1 - len(offsets)


async def in_transactions(kafka: KafkaSettings, *transactions: tuple[bool, Sequence[Event]]) -> None:
    """Send events, each group in a transaction that is committed (True) or aborted."""
    client = AIOKafkaProducer(**connection_options(kafka), transactional_id=f"test-{uuid4().hex}")
    await client.start()
    try:
        for committed, events in transactions:
            await client.begin_transaction()
            for event in events:
                name = kafka.names.on_broker(event.TOPIC)
                await client.send_and_wait(name, encode(event), key=event.key.encode())
            await (client.commit_transaction() if committed else client.abort_transaction())
    finally:
        await client.stop()


async def cut_off(kafka: KafkaSettings, topic: str, partition: int, before: int) -> None:
    """Delete what is before this offset, as retention does."""
    admin = make_admin(kafka)
    await admin.start()
    try:
        place = TopicPartition(kafka.names.on_broker(topic), partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()
