"""Acknowledgements that get lost, and messages that are refused: what is sent is there once, and what follows too."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import RequestTimedOutError
from aiokafka.protocol.produce import ProduceRequest

from schemas.errors import TerminalError
from schemas.events import ChangeRaw, Event
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.app import create_app
from streams.kafka import KafkaSettings
from streams.producer import EventProducer, open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes.apache import ApacheCluster
from tests.fakes.triage_process import triage_deps, triage_settings
from tests.integration.streams.jobs.parts import change

pytestmark = pytest.mark.kafka


@pytest.fixture
async def kafka(apache_cluster: ApacheCluster) -> KafkaSettings:
    settings = apache_cluster.plain.model_copy(update={"topic_prefix": f"{uuid4().hex[:8]}."})
    async with open_admin(settings) as admin:
        await admin.ensure([topic_of(ChangeRaw)], replication=3)
    return settings


def _lose_acknowledgements(client: AIOKafkaProducer, count: int) -> Callable[[], int]:
    """Let so many answers of the broker get lost on their way; returns how many still will."""
    send: Callable[..., Awaitable[Any]] = client.client.send
    left = [count]

    async def forgetful(node: int, request: Any, **options: Any) -> Any:
        answer = await send(node, request, **options)
        if isinstance(request, ProduceRequest) and left[0]:
            left[0] -= 1
            raise RequestTimedOutError
        return answer

    client.client.send = forgetful
    return lambda: left[0]


async def _stored(kafka: KafkaSettings) -> list[Event]:
    async with open_reader(kafka) as reader:
        return [one.event async for one in reader.events(["changes.raw"]) if isinstance(one, ReadEvent)]


def _ids(events: Sequence[Event]) -> list[str]:
    return [event.event_id for event in events]


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_lost_acknowledgement_doubles_nothing_but_without_idempotence(
    kafka: KafkaSettings, idempotent: bool
) -> None:
    kafka = kafka.model_copy(update={"idempotent": idempotent})
    sent = [change(number) for number in range(20)]
    async with open_producer(kafka, source="/test") as producer:
        left = _lose_acknowledgements(producer._client, 3)
        for event in sent:
            await producer.publish(event)
    assert left() == 0
    stored = _ids(await _stored(kafka))
    assert sorted(set(stored)) == sorted(_ids(sent))
    assert len(stored) == len(sent) + (0 if idempotent else 3)


async def test_the_changelogs_of_triage_are_written_once(kafka: KafkaSettings, tmp_path: Path) -> None:
    async with triage_deps(kafka) as deps:
        app = create_app(triage_settings(kafka, tmp_path), deps)
        producer: Any = app.producer
        await producer.on_start()
        try:
            left = _lose_acknowledgements(producer._producer, 1)
            await producer.send_and_wait(
                kafka.names.on_broker("changes.raw"), b"key", b"\x00", None, None, None
            )
        finally:
            await producer.on_stop()
    assert left() == 0
    async with open_admin(kafka) as admin:
        assert sum(one.end for one in await admin.ends(["changes.raw"])) == 1


async def test_a_refused_message_does_not_stop_those_that_follow(kafka: KafkaSettings) -> None:
    noise = random.Random(1).randbytes(3_000_000)
    before, after = [change(number) for number in range(5)], [change(number) for number in range(5, 40)]
    async with open_producer(kafka, source="/test") as producer:
        await producer.publish_all(before)
        await _refused(producer, noise)
        await producer.publish_all(after)
        await _refused(producer, noise)
        await _refused(producer, noise)
        await producer.publish(change(40))
    assert _ids(await _stored(kafka)) == _ids([*before, *after, change(40)])


async def _refused(producer: EventProducer, value: bytes) -> None:
    """The broker takes 1 MB at most, as they do by default."""
    with pytest.raises(TerminalError, match="MessageSizeTooLarge"):
        await producer.send_raw("changes.raw", b"acme|cart", value)
