"""Tansu and Redis as tests and `tocsin up` start them, with the clients the product uses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.local.probes import KafkaAnswers, attempt
from infra.local.reachability import why_no_redis
from tests.fakes.broker import start_tansu
from tests.fakes.redis_server import start_redis


@pytest.mark.broker
async def test_tansu_keeps_order_headers_and_keys_within_a_partition() -> None:
    topic = f"local-{uuid4().hex}"
    with start_tansu() as bootstrap:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for n in range(20):
                await producer.send_and_wait(topic, b"%d" % n, key=b"k", headers=[("ce_id", b"%d" % n)])
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        async with asyncio.timeout(60), consumer:
            records = [await consumer.getone() for _ in range(20)]

    assert [record.value for record in records] == [b"%d" % n for n in range(20)]
    assert [record.headers for record in records] == [(("ce_id", b"%d" % n),) for n in range(20)]


@pytest.mark.broker
def test_two_brokers_at_a_time_have_their_own_ports_and_end_with_their_block() -> None:
    with start_tansu() as first, start_tansu() as second:
        assert first != second
        assert attempt(_probe(first)) is None
        assert attempt(_probe(second)) is None
    assert attempt(_probe(first)) is not None


@pytest.mark.redis
def test_redis_keeps_its_data_over_kill_9(tmp_path: Path) -> None:
    with start_redis(tmp_path / "r") as url, redis.Redis.from_url(url) as client:
        client.set("a", "1")
    with start_redis(tmp_path / "r") as url, redis.Redis.from_url(url) as client:
        assert client.get("a") == b"1"


@pytest.mark.redis
def test_redis_asks_for_its_password_and_is_local_only(tmp_path: Path) -> None:
    with start_redis(tmp_path / "with space", password='p"w /x') as url:
        without = url[:8] + url.rpartition("@")[2]

        assert why_no_redis(url) is None
        assert why_no_redis(without) == "PING answers '-NOAUTH Authentication required.'"
        assert "WRONGPASS" in (why_no_redis(without.replace("redis://", "redis://:bad@")) or "")
        with redis.Redis.from_url(url) as client:
            assert client.config_get("bind") == {"bind": "127.0.0.1"}


def _probe(bootstrap: str) -> KafkaAnswers:
    host, _, port = bootstrap.rpartition(":")
    return KafkaAnswers(host, int(port))
