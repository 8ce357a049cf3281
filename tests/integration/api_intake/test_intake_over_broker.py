from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest
from structlog.testing import capture_logs

from schemas.events import AlarmRaw, ChangeRaw, DeadLetter, Event, KpiBatch, LogBatch
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import EventProducer, open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes.api import client_of, make_api
from tests.property.api.mutations import mutated
from tests.unit.api.intake.sent import REQUESTS

pytestmark = pytest.mark.broker

TOPICS = [one.TOPIC for one in (AlarmRaw, KpiBatch, LogBatch, ChangeRaw, DeadLetter)]
EACH = 25


@dataclass
class Acknowledged:
    """Satisfies Publisher: notes what the broker has acknowledged."""

    producer: EventProducer
    events: list[Event] = field(default_factory=list)

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        await self.publish_all([event], traceparent=traceparent)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str = "") -> None:
        await self.producer.publish_all(events, traceparent=traceparent)
        self.events += events


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> KafkaSettings:
    settings = KafkaSettings.embedded(kafka_bootstrap, topic_prefix=f"{uuid4().hex[:8]}.")
    async with open_admin(settings) as admin:
        await admin.ensure()
    return settings


@pytest.fixture
async def publisher(kafka: KafkaSettings) -> AsyncIterator[Acknowledged]:
    async with open_producer(kafka, source="/tocsin/api") as producer:
        yield Acknowledged(producer)


@pytest.fixture
async def client(publisher: Acknowledged) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_api(publisher=publisher), "acme.ingest") as client:
        yield client


async def stored(kafka: KafkaSettings) -> list[Event]:
    """What is on the topics; every message can be read."""
    found: list[Event] = []
    async with open_reader(kafka) as reader:
        async for read in reader.events(TOPICS):
            assert isinstance(read, ReadEvent), read
            found.append(read.event)
    return found


async def test_a_request_of_every_format_is_on_its_topic_when_it_is_answered(
    client: httpx.AsyncClient, kafka: KafkaSettings
) -> None:
    for sent in REQUESTS.values():
        answer = await client.post(sent.path, content=sent.body, headers=sent.headers)
        assert answer.status_code in {200, 202, 204}, answer.text
    events = await stored(kafka)
    alarms = {one.name for one in events if isinstance(one, AlarmRaw)}
    changes = {one.title for one in events if isinstance(one, ChangeRaw)}
    metrics = {one.metric for batch in events if isinstance(batch, KpiBatch) for one in batch.series}
    messages = {one.message for batch in events if isinstance(batch, LogBatch) for one in batch.records}
    assert alarms == {"HighErrorRate", "HighLatency", "High memory usage", "ProbeFailure", "DiskFull"}
    assert changes == {"deploy cart 2.3.1", "cart 2.3.1"}
    assert {"cpu_usage_ratio", "latency_p95", "queue", "probe_duration", "process.memory.usage"} <= metrics
    assert {"retrying", "bank refused: 503", "connect: timed out"} <= messages


async def test_whatever_was_accepted_of_broken_requests_can_be_read_back_and_nothing_else(
    client: httpx.AsyncClient, kafka: KafkaSettings, publisher: Acknowledged
) -> None:
    dice = random.Random(4)
    statuses = set()
    with capture_logs():
        for sent in REQUESTS.values():
            for _ in range(EACH):
                body = mutated(sent, dice)
                answer = await client.post(sent.path, content=body.body, headers=dict(body.headers))
                statuses.add(answer.status_code)
    assert max(statuses) < 500
    assert {202, 204, 400, 422} <= statuses
    events = await stored(kafka)
    assert sorted(one.event_id for one in events) == sorted(one.event_id for one in publisher.events)
    letters = [one for one in events if isinstance(one, DeadLetter)]
    assert letters
    assert all(one.message_value is not None and one.stage == "intake" for one in letters)
