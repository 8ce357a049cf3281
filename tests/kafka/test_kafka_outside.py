"""Programs that know nothing of Tocsin read `evidence` from Apache Kafka: Debian's kcat, and confluent-kafka."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from uuid import uuid4

import pytest
from confluent_kafka import Consumer

from schemas.codec import decode
from schemas.events import Event, Evidence
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from tests.fakes.apache import ApacheCluster
from tests.integration.streams.jobs.test_landing import finding

pytestmark = pytest.mark.kafka

_LISTENERS = ["plain", "mutual_tls", "scram", "password"]
_SECONDS = 60


def _librdkafka(kafka: KafkaSettings) -> dict[str, str]:
    """Our settings in the words of librdkafka, which both programs are built on; unset ones are left out."""
    words = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "ssl.ca.location": kafka.ssl_cafile,
        "ssl.certificate.location": kafka.ssl_certfile,
        "ssl.key.location": kafka.ssl_keyfile,
        "ssl.key.password": kafka.ssl_key_password.get_secret_value(),
        "sasl.mechanism": kafka.sasl_mechanism if kafka.sasl_username else "",
        "sasl.username": kafka.sasl_username,
        "sasl.password": kafka.sasl_password.get_secret_value(),
    }
    return {name: value for name, value in words.items() if value}


@pytest.fixture(params=_LISTENERS)
async def kafka(request: pytest.FixtureRequest, apache_cluster: ApacheCluster) -> KafkaSettings:
    settings: KafkaSettings = getattr(apache_cluster, request.param)
    if request.param == "scram" and "kcat" in request.fixturenames:
        pytest.skip("Debian's librdkafka 2.0.2 cannot log in to Kafka 4 with SCRAM (mended in 2.6.1)")
    settings = settings.model_copy(update={"topic_prefix": f"{uuid4().hex[:8]}."})
    async with open_admin(settings) as admin, open_producer(settings, source="/test") as producer:
        await admin.ensure([topic_of(Evidence)], replication=3)
        await producer.publish_all(FINDINGS)
    return settings


FINDINGS: list[Event] = [finding(number) for number in range(30)]


def _decoded(values: list[bytes]) -> list[str]:
    return sorted(decode(Evidence.TOPIC, value).event_id for value in values)


async def test_confluents_consumer_reads_evidence(kafka: KafkaSettings) -> None:
    values = await asyncio.to_thread(_consume, kafka, len(FINDINGS))
    assert _decoded(values) == sorted(one.event_id for one in FINDINGS)


def _consume(kafka: KafkaSettings, count: int) -> list[bytes]:
    settings = {"group.id": f"{kafka.topic_prefix}outside", "auto.offset.reset": "earliest"}
    consumer = Consumer({**_librdkafka(kafka), **settings})
    try:
        consumer.subscribe([kafka.names.on_broker(Evidence.TOPIC)])
        values: list[bytes] = []
        for message in consumer.consume(count, timeout=_SECONDS):
            assert message.error() is None
            headers = dict(message.headers() or [])
            assert headers["ce_type"]
            assert (message.value() or b"")[:1] == b"\x00"
            values.append(message.value() or b"")
        return values
    finally:
        consumer.close()


@pytest.fixture(scope="module")
def kcat() -> Callable[..., bytes]:
    """Debian's kcat. Where the lane is to be complete (CI=true) it must be there."""
    found = shutil.which("kcat")
    if found is None and os.environ.get("CI", "") != "true":
        pytest.skip("kcat is not installed (Debian: apt-get install kcat)")
    assert found is not None, "kcat is not installed (Debian: apt-get install kcat)"

    def run(kafka: KafkaSettings, *arguments: str) -> bytes:
        options = [f"-X{name}={value}" for name, value in _librdkafka(kafka).items()]
        done = subprocess.run(
            [found, *options, *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


async def test_kcat_reads_evidence(kafka: KafkaSettings, kcat: Callable[..., bytes]) -> None:
    """Debian builds it without Avro, so it shows keys and headers as text and values as the bytes that they are."""
    wanted = ("-C", "-e", "-o", "beginning", "-q", "-t", kafka.names.on_broker(Evidence.TOPIC))
    output = await asyncio.to_thread(kcat, kafka, *wanted, "-f", "%K %S %k|%s")
    keys, values = _parsed(output)
    assert set(keys) == {one.key for one in FINDINGS}
    assert _decoded(values) == sorted(one.event_id for one in FINDINGS)
    headers = (await asyncio.to_thread(kcat, kafka, *wanted, "-f", "%h\n")).decode().splitlines()
    assert len(headers) == len(FINDINGS)
    assert all("ce_id=" in line and "ce_type=" in line for line in headers)


def _parsed(output: bytes) -> tuple[list[str], list[bytes]]:
    """Length of the key, length of the value, key, a bar, value; and so on."""
    keys, values = [], []
    while output:
        key_size, value_size, rest = output.split(b" ", 2)
        key, value = int(key_size), int(value_size)
        keys.append(rest[:key].decode())
        values.append(rest[key + 1 : key + 1 + value])
        output = rest[key + 1 + value :]
    return keys, values


async def test_kcat_lists_the_brokers(kafka: KafkaSettings, kcat: Callable[..., bytes]) -> None:
    output = (await asyncio.to_thread(kcat, kafka, "-L")).decode()
    assert "3 brokers" in output
    assert f'topic "{kafka.names.on_broker(Evidence.TOPIC)}"' in output
