"""Apache Kafka itself, from Maven's jars: needs Java 17 and Maven (and a network at the first run)."""

from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.local.broker import apache_specs
from infra.local.events import Exited, Ready
from infra.local.ports import PortBook
from infra.local.process import ProcessSpec
from infra.local.stack import StackPlan, build_stack
from infra.local.supervisor import Supervisor
from schemas.errors import ConfigurationError
from tests.unit.infra.process_parts import EventLog, kill

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

_COUNT = 200


async def _create(bootstrap: str, topic: str, replication: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, replication)])
    await admin.close()


async def _produce(bootstrap: str, topic: str, numbers: range) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        for number in numbers:
            await producer.send_and_wait(topic, b"%d" % number)


async def _consume(bootstrap: str, topic: str, count: int) -> list[int]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with asyncio.timeout(60), consumer:
        return [int((await consumer.getone()).value) for _ in range(count)]


async def test_its_log_survives_kill_9_and_a_new_start(tmp_path: Path, apache_jars: Path) -> None:
    ports = PortBook(random.SystemRandom())
    topic, log = f"local-{uuid4().hex}", EventLog()

    def spec() -> ProcessSpec:
        place, log_file = (ports.free(), ports.free()), tmp_path / "broker.log"
        (made,) = apache_specs(tmp_path / "kafka", [place], jars=apache_jars, log_files=[log_file])
        return made

    first = await asyncio.to_thread(spec)
    bootstrap = f"127.0.0.1:{first.ports[0]}"
    async with Supervisor([first], on_event=log, rng=random.Random(1)) as supervisor:
        await _create(bootstrap, topic, 1)
        await _produce(bootstrap, topic, range(_COUNT))
        kill(supervisor, "broker")
        await log.until(lambda: len(log.of(Ready)) == 2)
        assert await _consume(bootstrap, topic, _COUNT) == list(range(_COUNT))
        await _produce(bootstrap, topic, range(_COUNT, _COUNT + 10))

    again = await asyncio.to_thread(spec)  # other ports, the same log, not formatted again
    async with Supervisor([again], on_event=log, rng=random.Random(1)):
        found = await _consume(f"127.0.0.1:{again.ports[0]}", topic, _COUNT + 10)

    assert found == list(range(_COUNT + 10))
    assert [event.code for event in log.of(Exited)] == [-signal.SIGKILL]


async def test_three_nodes_serve_on_while_one_is_killed_and_comes_back(
    tmp_path: Path, apache_jars: Path
) -> None:
    plan = StackPlan(
        data_dir=tmp_path,
        broker="apache",
        brokers=3,
        jars_dir=apache_jars,
        external_redis="redis://elsewhere",
        external_clickhouse="http://elsewhere",
    )
    stack = await asyncio.to_thread(build_stack, plan, PortBook(random.SystemRandom()))
    bootstrap = stack.addresses.kafka
    topic, log = f"local-{uuid4().hex}", EventLog()
    async with Supervisor(stack.specs, on_event=log, rng=random.Random(1)) as supervisor:
        await _create(bootstrap, topic, 3)
        await _produce(bootstrap, topic, range(_COUNT // 2))
        kill(supervisor, "broker-2")
        await _produce(bootstrap, topic, range(_COUNT // 2, _COUNT))
        await log.until(lambda: len(log.of(Ready, "broker-2")) == 2)
        assert await _consume(bootstrap, topic, _COUNT) == list(range(_COUNT))
    with pytest.raises(ConfigurationError, match="3 brokers, not of 1"):
        build_stack(replace(plan, brokers=1), PortBook(random.SystemRandom()))
