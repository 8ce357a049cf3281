"""Messages under ids that a consumer has never seen, from a registry over HTTP that is away at first."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from infra.runtime.clock import SystemClock
from infra.runtime.schema_registry import RegistryAddress, RegistryPolicy, open_schemas_by_id
from schemas.events import ChangeRaw, Event, KpiBatch, KpiSamples
from schemas.metrics import DETECTOR_SERIES, KPI_SAMPLES
from schemas.registry import RegisteredSchema, SchemaRegistry, builtin_registry
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.detect.consumer import DetectConsumer
from streams.detect.settings import DetectRules
from streams.jobs.attempts import RetryPolicy
from streams.jobs.batches import CutRule
from streams.kafka import KafkaSettings
from streams.land import Lander, LandRules
from streams.messages import LandedMessage
from streams.producer import open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes.registry_server import RegistryServer, start_registry
from tests.fakes.totals import Totals
from tests.fakes.waiting import until
from tests.integration.streams.jobs.parts import Buried, change

pytestmark = pytest.mark.broker

RETRY = RetryPolicy(first_s=0.01, cap_s=0.05)
LAND = LandRules(
    topics=(ChangeRaw.TOPIC,),
    cut=CutRule(max_messages=7, max_age=timedelta(milliseconds=50)),
    retry=RETRY,
    poll_s=0.05,
)
IMPATIENT = RegistryPolicy(reading_patience_s=0)
"""Whether a consumer waits is then up to the consumer."""
AWAY = [503, 500, 503]


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with start_registry(first_id=100_001) as server:
        yield server


@dataclass
class Tables:
    rows: list[str] = field(default_factory=list)

    async def insert(self, topic: str, messages: Sequence[LandedMessage], token: str) -> None:
        self.rows += [one.event.event_id for one in messages]


class NoMarks:
    async def advance(self, topic: str, partition: int, caught_up_to: datetime) -> None: ...


class NoPublisher:
    async def publish(self, event: Event, *, traceparent: str = "") -> None: ...

    async def publish_all(
        self, events: Sequence[Event], *, traceparent: str | Sequence[str] = ""
    ) -> None: ...


async def _produce(
    kafka: KafkaSettings, server: RegistryServer, events: Sequence[Event], *, registered: bool = True
) -> None:
    """Send events of one topic in a schema of tomorrow."""
    topic = events[0].TOPIC
    schema = copy.deepcopy(builtin_registry().current[topic].schema)
    schema["fields"].append({"name": "weather", "type": "string", "default": "fair"})
    schema_id = server.register(f"{topic}-value", json.dumps(schema)).id if registered else 99
    tomorrow = RegisteredSchema(schema_id, topic, schema, schema)
    schemas = SchemaRegistry({schema_id: tomorrow}, {topic: tomorrow})
    async with (
        open_admin(kafka) as admin,
        open_producer(kafka, source="/tomorrow", registry=schemas) as producer,
    ):
        await admin.ensure([topic_of(type(events[0]))])
        await producer.publish_all(events)


@asynccontextmanager
async def _schemas(server: RegistryServer) -> AsyncIterator[SchemaRegistry]:
    async with open_schemas_by_id(RegistryAddress((server.url,)), SystemClock(), IMPATIENT) as schemas:
        yield schemas


@asynccontextmanager
async def _landing(
    kafka: KafkaSettings, server: RegistryServer, tables: Tables, office: Buried
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with _schemas(server) as schemas:
        lander = Lander(kafka, tables, office, NoMarks(), SystemClock(), rules=LAND, registry=schemas)
        task = asyncio.create_task(lander.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


async def test_landing_waits_for_a_registry_that_is_away(
    kafka: KafkaSettings, registry: RegistryServer
) -> None:
    events = [change(number) for number in range(20)]
    await _produce(kafka, registry, events)
    registry.ailing = [*AWAY]
    tables, office = Tables(), Buried()

    async with _landing(kafka, registry, tables, office):
        await until(lambda: len(tables.rows) >= len(events))

    assert sorted(tables.rows) == sorted(one.event_id for one in events)
    assert office.letters == []
    assert registry.asked("GET", "/schemas/ids/") == len(AWAY) + 1


def _places(office: Buried) -> set[tuple[int, int]]:
    """Of the letters: a new assignment before the commit buries one once more."""
    return {(message.partition, message.offset) for message, _, _, _ in office.letters}


async def test_what_no_registry_knows_is_buried_and_the_rest_lands(
    kafka: KafkaSettings, registry: RegistryServer
) -> None:
    await _produce(kafka, registry, [change(1), change(2)], registered=False)
    await _produce(kafka, registry, [change(3)])
    tables, office = Tables(), Buried()

    async with _landing(kafka, registry, tables, office):
        await until(lambda: len(tables.rows) >= 1 and len(_places(office)) == 2)

    assert tables.rows == [change(3).event_id]
    assert {reason for _, _, reason, _ in office.letters} == {"unknown_schema"}
    assert registry.asked("GET", "/schemas/ids/") == 2


def _batches() -> list[Event]:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=60)
    begin_ms = round(start.timestamp() * 1000)
    return [
        KpiBatch(
            tenant="acme",
            occurred_at=start + timedelta(seconds=number),
            source="test",
            service="cart",
            series=(
                KpiSamples(
                    metric="cpu", labels={}, times_ms=(begin_ms + 1000 * number,), values=(float(number % 3),)
                ),
            ),
        )
        for number in range(30)
    ]


@asynccontextmanager
async def _detecting(
    kafka: KafkaSettings, server: RegistryServer, seen: Totals, office: Buried
) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with _schemas(server) as schemas:
        consumer = DetectConsumer(
            kafka,
            DetectRules(poll_s=0.05),
            NoPublisher(),
            office,
            SystemClock(),
            recorder=seen,
            registry=schemas,
            retry=RETRY,
        )
        task = asyncio.create_task(consumer.run(stop))
        try:
            yield
        finally:
            stop.set()
            async with asyncio.timeout(30):
                await task


async def test_detection_waits_for_it_when_it_handles_and_when_it_rebuilds(
    kafka: KafkaSettings, registry: RegistryServer
) -> None:
    events = _batches()
    await _produce(kafka, registry, events)
    seen, office = Totals(), Buried()
    registry.ailing = [*AWAY]
    async with _detecting(kafka, registry, seen, office):
        await until(lambda: seen.totals.get(KPI_SAMPLES.name, 0) >= len(events))

    later = Totals()
    registry.ailing = [*AWAY]
    async with _detecting(kafka, registry, later, office):
        await until(lambda: later.totals.get(DETECTOR_SERIES.name, 0) >= 1)

    assert office.letters == []
    assert later.totals.get(KPI_SAMPLES.name, 0) == 0
    assert registry.asked("GET", "/schemas/ids/") == 2 * (len(AWAY) + 1)


async def test_detection_can_be_stopped_while_the_registry_is_away(
    kafka: KafkaSettings, registry: RegistryServer
) -> None:
    await _produce(kafka, registry, _batches())
    seen, office = Totals(), Buried()
    registry.ailing = [503] * 100_000

    async with _detecting(kafka, registry, seen, office):
        await until(lambda: registry.asked("GET", "/schemas/ids/") >= 3)

    assert office.letters == []
    assert KPI_SAMPLES.name not in seen.totals


async def test_a_reader_reads_what_was_written_tomorrow(
    kafka: KafkaSettings, registry: RegistryServer
) -> None:
    events: list[Event] = [change(number) for number in range(10)]
    await _produce(kafka, registry, events)

    async with _schemas(registry) as schemas, open_reader(kafka, schemas) as reader:
        read = [one async for one in reader.events([ChangeRaw.TOPIC])]

    assert sorted(one.event.event_id for one in read if isinstance(one, ReadEvent)) == sorted(
        one.event_id for one in events
    )
    assert len(read) == len(events)
