from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka.admin import NewTopic

from streams.kafka import KafkaSettings, make_admin, make_producer
from tests.integration.streams.jobs.parts import Bench


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
