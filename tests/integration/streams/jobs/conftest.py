from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic

from streams.kafka import KafkaSettings, make_admin, make_producer
from tests.integration.streams.jobs.parts import Bench


@pytest.fixture
def kafka(any_kafka: KafkaSettings) -> KafkaSettings:
    """Settings with a topic prefix of this test's own, and joins as quick as Tansu allows."""
    return any_kafka.model_copy(
        update={
            "topic_prefix": f"{uuid4().hex[:8]}.",
            "session_timeout_ms": 2_000,
            "heartbeat_interval_ms": 200,
            "rebalance_timeout_ms": 8_000,
        }
    )


@pytest.fixture
async def bench(kafka: KafkaSettings) -> AsyncIterator[Callable[[int], Awaitable[Bench]]]:
    async with contextlib.AsyncExitStack() as stack:

        async def make(partitions: int) -> Bench:
            topic = f"{kafka.topic_prefix}work"
            admin = make_admin(kafka)
            await admin.start()
            await admin.create_topics([NewTopic(topic, partitions, 1)])
            await admin.close()
            client = make_producer(kafka)
            await client.start()
            stack.push_async_callback(client.stop)
            return Bench(kafka, topic, f"{kafka.topic_prefix}group", client)

        yield make
