from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from schemas.errors import UnavailableError
from schemas.events import AlarmRaw, AlarmStatus, DeadLetter, Event, KpiBatch, KpiSamples
from schemas.metrics import (
    BATCH_ROWS,
    CONSUMER_LAG,
    DETECTED_ALARMS,
    DETECTOR_SERIES,
    KPI_SAMPLES,
    STAGE_SECONDS,
)
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.dead_letters import DeadLetters
from streams.detect.consumer import DetectConsumer
from streams.detect.role import run_detection
from streams.detect.settings import DetectRules
from streams.jobs.attempts import RetryPolicy
from streams.kafka import KafkaSettings
from streams.producer import EventProducer, open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes.totals import Totals
from tests.fakes.waiting import until

pytestmark = pytest.mark.broker

RULES = DetectRules(poll_s=0.05)
SHIFT_AT = 300
LENGTH = 420
PER_BATCH = 10


class Clock:
    """The system's clock, moved by `ahead`."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Faulty:
    """A Publisher that fails, or dies, before or after the broker has the alarms."""

    inner: EventProducer
    away: int = 0
    die_after: bool = False

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        await self.publish_all([event], traceparent=traceparent)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        if self.away:
            self.away -= 1
            raise UnavailableError("no broker")
        await self.inner.publish_all(events, traceparent=traceparent)
        if self.die_after:
            raise RuntimeError("the process dies here")


def shifted(start: datetime, service: str = "cart") -> list[KpiBatch]:
    """A second a sample, ten a batch; cpu steps up by many deviations at SHIFT_AT, memory stays."""
    rng = np.random.default_rng(7)
    cpu = 0.4 + 0.01 * rng.normal(size=LENGTH) + 0.3 * (np.arange(LENGTH) >= SHIFT_AT)
    memory = 5e8 + 1e6 * rng.normal(size=LENGTH)
    base = round(start.timestamp()) * 1000
    return [
        KpiBatch(
            tenant="acme",
            occurred_at=start + timedelta(seconds=first + PER_BATCH - 1),
            source="test",
            service=service,
            series=tuple(
                KpiSamples(
                    metric=metric,
                    labels={"instance": f"{service}-0", "host": "node-1"},
                    times_ms=tuple(base + 1000 * t for t in range(first, first + PER_BATCH)),
                    values=tuple(values[first : first + PER_BATCH].tolist()),
                )
                for metric, values in (("cpu_usage", cpu), ("memory_bytes", memory))
            ),
        )
        for first in range(0, LENGTH, PER_BATCH)
    ]


@dataclass
class Site:
    settings: KafkaSettings
    producer: EventProducer
    clock: Clock = field(default_factory=Clock)
    seen: Totals = field(default_factory=Totals)
    start: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(seconds=LENGTH))

    @contextlib.asynccontextmanager
    async def detecting(self, rules: DetectRules = RULES) -> AsyncIterator[None]:
        stop = asyncio.Event()
        office = DeadLetters(self.producer, self.settings.names, self.clock, self.seen)
        task = asyncio.create_task(
            run_detection(
                self.settings, rules, self.producer, office, self.clock, recorder=self.seen, stop=stop
            )
        )
        try:
            yield
        finally:
            stop.set()
            await task

    def consumer(self, publisher: Faulty) -> DetectConsumer:
        office = DeadLetters(self.producer, self.settings.names, self.clock, self.seen)
        retry = RetryPolicy(first_s=0.01, cap_s=0.05)
        return DetectConsumer(
            self.settings, RULES, publisher, office, self.clock, recorder=self.seen, retry=retry
        )

    async def handled(self, samples: int) -> None:
        await until(lambda: self.seen.totals.get(KPI_SAMPLES.name, 0) >= samples)

    async def committed(self) -> int:
        async with open_admin(self.settings) as admin:
            group = f"{self.settings.topic_prefix}{RULES.group}"
            return sum(one.committed or 0 for one in await admin.lag(group, ["kpis.raw"]))

    async def read(self, topic: str) -> list[Event]:
        async with open_reader(self.settings) as reader:
            return [one.event async for one in reader.events([topic]) if isinstance(one, ReadEvent)]

    async def alarms(self) -> list[AlarmRaw]:
        return [event for event in await self.read("alarms.raw") if isinstance(event, AlarmRaw)]


@pytest.fixture
async def site(kafka: KafkaSettings) -> AsyncIterator[Site]:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/detect") as producer:
        await admin.ensure(
            [topic_of(KpiBatch), replace(topic_of(AlarmRaw), partitions=1), topic_of(DeadLetter)]
        )
        yield Site(kafka, producer)


async def test_a_shift_in_kpis_becomes_one_alarm(site: Site) -> None:
    batches = shifted(site.start)
    await site.producer.publish_all(batches)
    async with site.detecting():
        await site.handled(2 * LENGTH)
    (alarm,) = await site.alarms()
    assert (alarm.source, alarm.status, alarm.indicator) == ("detect", AlarmStatus.FIRING, "cpu_usage")
    assert (alarm.tenant, alarm.service, alarm.entity, alarm.host) == ("acme", "cart", "cart-0", "node-1")
    began = batches[SHIFT_AT // PER_BATCH].series[0].times_ms[0]
    assert alarm.started_at.timestamp() * 1000 == began
    assert alarm.value == pytest.approx(0.7, abs=0.02)
    assert await site.committed() == len(batches)
    totals = site.seen.totals
    assert totals[DETECTED_ALARMS.name] == 1
    for metric in (BATCH_ROWS, STAGE_SECONDS):
        assert totals[metric.name] > 0


async def test_gauges_tell_series_and_lag(site: Site) -> None:
    await site.producer.publish_all(shifted(site.start))
    async with site.detecting():
        await until(lambda: site.seen.totals.get(DETECTOR_SERIES.name) == 2)
        await until(lambda: site.seen.totals.get(CONSUMER_LAG.name) == 0)


async def test_what_a_crash_repeats_has_the_same_name(site: Site) -> None:
    await site.producer.publish_all(shifted(site.start))
    with pytest.raises(RuntimeError):
        await site.consumer(Faulty(site.producer, die_after=True)).run(asyncio.Event())
    assert len(await site.alarms()) == 1
    async with site.detecting():
        await site.handled(2 * LENGTH)
    alarms = await site.alarms()
    assert len({alarm.event_id for alarm in alarms}) == 1


@pytest.mark.parametrize("told_before", [False, True])
async def test_a_restart_rebuilds_what_it_knew(site: Site, told_before: bool) -> None:
    """The second worker has too few samples of its own to be warm: it must know the first one's."""
    batches = shifted(site.start)
    cut = (SHIFT_AT + (60 if told_before else 10)) // PER_BATCH
    await site.producer.publish_all(batches[:cut])
    async with site.detecting():
        await site.handled(2 * cut * PER_BATCH)
    assert len(await site.alarms()) == int(told_before)
    await site.producer.publish_all(batches[cut:])
    async with site.detecting():
        await site.handled(2 * LENGTH)
    (alarm,) = await site.alarms()
    assert alarm.started_at.timestamp() * 1000 == batches[SHIFT_AT // PER_BATCH].series[0].times_ms[0]


async def test_without_rebuilding_a_restart_learns_anew(site: Site) -> None:
    batches = shifted(site.start)
    cut = SHIFT_AT // PER_BATCH
    await site.producer.publish_all(batches[:cut])
    async with site.detecting():
        await site.handled(2 * cut * PER_BATCH)
    await site.producer.publish_all(batches[cut:])
    async with site.detecting(RULES.model_copy(update={"rebuild_s": 0.0})):
        await site.handled(2 * LENGTH)
    assert await site.alarms() == []


async def test_a_malformed_batch_is_buried_and_the_rest_goes_on(site: Site) -> None:
    batches = shifted(site.start)
    await site.producer.publish_all(batches[:20])
    await site.producer.send_raw("kpis.raw", b"acme|cart", b"\x07junk")
    await site.producer.publish_all(batches[20:])
    async with site.detecting():
        await site.handled(2 * LENGTH)
    (letter,) = await site.read("dead-letters")
    assert isinstance(letter, DeadLetter)
    assert (letter.stage, letter.reason, letter.message_value) == ("detect", "bad_magic", b"\x07junk")
    assert letter.tenant == "acme"
    assert len(await site.alarms()) == 1


async def test_a_broker_that_takes_no_alarms_is_waited_for(site: Site) -> None:
    await site.producer.publish_all(shifted(site.start))
    stop = asyncio.Event()
    task = asyncio.create_task(site.consumer(Faulty(site.producer, away=3)).run(stop))
    await site.handled(2 * LENGTH)
    stop.set()
    await task
    assert len(await site.alarms()) == 1


async def test_redelivered_batches_bring_no_second_alarm(site: Site) -> None:
    batches = shifted(site.start)
    await site.producer.publish_all(batches)
    await site.producer.publish_all(batches)
    async with site.detecting():
        await site.handled(4 * LENGTH)
    assert len(await site.alarms()) == 1


async def test_a_source_that_falls_wholly_silent_is_told_once_and_ends_when_it_speaks(site: Site) -> None:
    quiet = SHIFT_AT // PER_BATCH
    batches = shifted(site.start)
    await site.producer.publish_all(batches[:quiet])
    async with site.detecting():
        await site.handled(2 * SHIFT_AT)
        site.clock.ahead = timedelta(seconds=200)
        await until(lambda: site.seen.totals.get(DETECTED_ALARMS.name, 0) >= 1)
        later = shifted(site.start + timedelta(seconds=LENGTH))[0]
        await site.producer.publish(later)
        await site.handled(2 * SHIFT_AT + 2 * PER_BATCH)
    told, ended = await site.alarms()
    assert (told.name, told.indicator, told.status) == ("KpiMissing", "", AlarmStatus.FIRING)
    assert told.started_at.timestamp() * 1000 == batches[quiet - 1].series[0].times_ms[-1]
    assert (ended.status, ended.fingerprint, ended.started_at) == (
        AlarmStatus.CLEARED,
        told.fingerprint,
        told.started_at,
    )


async def test_two_workers_share_partitions_and_name_each_alarm_once(site: Site) -> None:
    services = [f"service-{number}" for number in range(6)]
    by_service = [shifted(site.start, service) for service in services]
    half = LENGTH // PER_BATCH // 2
    await site.producer.publish_all([batch for one in by_service for batch in one[:half]])
    async with site.detecting():
        await site.handled(6 * LENGTH)
        async with site.detecting():
            await site.producer.publish_all([batch for one in by_service for batch in one[half:]])
            async with asyncio.timeout(60):
                # What moves between workers may be counted twice; only the commits tell that all is handled.
                while await site.committed() < 6 * LENGTH // PER_BATCH:  # noqa: ASYNC110 - the state is the broker's
                    await asyncio.sleep(0.1)
    alarms = await site.alarms()
    assert len({alarm.event_id for alarm in alarms}) == 6
    assert {alarm.service for alarm in alarms} == set(services)
