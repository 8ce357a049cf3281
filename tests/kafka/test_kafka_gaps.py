"""Partitions with holes: compaction and retention took messages away, aborted transactions are not to be seen.

Nothing waits for what is gone, nothing is skipped, nothing comes twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from infra.runtime.clock import SystemClock
from schemas.codec import decode
from schemas.events import AlarmChanged, AlarmRaw, ChangeRaw, KpiBatch
from schemas.outcomes import Done, Outcome, Rejected
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.app import create_app
from streams.jobs.slots import Claim
from streams.jobs.worker import JobWorker
from streams.kafka import KafkaSettings, make_consumer
from streams.land import Lander
from streams.messages import Message
from streams.producer import open_producer
from streams.triage_worker import run_triage
from tests.fakes.apache import ApacheCluster
from tests.fakes.events import alarm
from tests.fakes.triage_process import quick_joins, triage_deps, triage_settings
from tests.fakes.waiting import until
from tests.integration.streams.detect.test_detect_role import LENGTH, SHIFT_AT, Site, shifted
from tests.integration.streams.jobs.parts import Buried, change
from tests.integration.streams.jobs.test_landing import RULES, Marks, Tables
from tests.kafka.holes import compacting_topic, cut_off, in_transactions, messages_of, until_compacted

pytestmark = pytest.mark.kafka

CHANGES = replace(RULES, topics=("changes.raw",))


@pytest.fixture
def kafka(apache_cluster: ApacheCluster) -> KafkaSettings:
    return quick_joins(apache_cluster.plain, f"{uuid4().hex[:8]}.")


def _ids(messages: Sequence[Message], kafka: KafkaSettings) -> list[str]:
    return [decode(kafka.names.bare(one.topic), one.value).event_id for one in messages]


def _lander(kafka: KafkaSettings, tables: Tables) -> Lander:
    return Lander(kafka, tables, Buried(), Marks(), SystemClock(), rules=CHANGES)


@asynccontextmanager
async def _landing(kafka: KafkaSettings, tables: Tables) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(_lander(kafka, tables).run(stop))
    try:
        yield task
    finally:
        stop.set()
        await task


async def _land_until(kafka: KafkaSettings, tables: Tables, landed: Callable[[], bool]) -> None:
    async with _landing(kafka, tables) as task:
        await until(lambda: task.done() or landed())


async def _die_in_third_batch(kafka: KafkaSettings) -> Tables:
    """Two batches of seven have landed; the third, up to offset 20, is declared."""
    tables = Tables(die_before={3})
    with pytest.raises(ExceptionGroup):
        await _lander(kafka, tables).run(asyncio.Event())
    assert len(tables.landed) == 14
    tables.die_before = set()
    return tables


async def _lag(kafka: KafkaSettings, group: str, topic: str) -> int:
    async with open_admin(kafka) as admin:
        return sum(one.lag for one in await admin.lag(f"{kafka.topic_prefix}{group}", [topic]))


async def test_landing_goes_on_over_a_declared_batch_that_was_compacted_meanwhile(
    kafka: KafkaSettings,
) -> None:
    topic = topic_of(ChangeRaw)
    await compacting_topic(kafka, topic)
    # Every second message has the same key: offset 20, the end of the declared batch, will be gone.
    sent = [change(number, f"svc-{number}" if number % 2 else "cart") for number in range(60)]
    async with open_producer(kafka, source="/test") as producer:
        await producer.publish_all(sent)
    tables = await _die_in_third_batch(kafka)
    left = await until_compacted(kafka, topic, change(1_000, "filler"))
    assert 20 not in {one.offset for one in left}
    expected = {*_ids(left, kafka), *(one.event_id for one in sent[:14])}
    async with _landing(kafka, tables) as task:  # fillers may still be compacted away: none is waited for
        await until_lag_is_gone(kafka, CHANGES.group, "changes.raw", task)
    assert set(tables.landed) == expected
    assert _doubled(tables.landed) <= {change(1_000, "filler").event_id}


def _doubled(ids: Sequence[str]) -> set[str]:
    return {one for one, times in Counter(ids).items() if times > 1}


async def test_landing_goes_on_where_retention_has_taken_what_was_next(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/test") as producer:
        await admin.ensure([topic_of(ChangeRaw)])
        sent = [change(number) for number in range(60)]
        await producer.publish_all(sent)
    tables = await _die_in_third_batch(kafka)
    await cut_off(kafka, "changes.raw", 0, 30)
    await _land_until(kafka, tables, lambda: len(tables.landed) >= 14 + 30)
    assert tables.landed == [one.event_id for one in [*sent[:14], *sent[30:]]]


async def test_landing_passes_over_aborted_transactions_and_their_markers(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin:
        await admin.ensure([topic_of(ChangeRaw)])
    sent = [change(number) for number in range(40)]
    await in_transactions(
        kafka, (True, sent[:10]), (False, sent[10:20]), (True, sent[20:30]), (False, sent[30:])
    )
    tables = Tables()
    await _land_until(kafka, tables, lambda: len(tables.landed) >= 20)
    assert tables.landed == [one.event_id for one in [*sent[:10], *sent[20:30]]]
    await in_transactions(kafka, (True, sent[30:]))
    await _land_until(kafka, tables, lambda: len(tables.landed) >= 30)
    assert tables.landed == [one.event_id for one in [*sent[:10], *sent[20:]]]


@asynccontextmanager
async def _triage(kafka: KafkaSettings, data_dir: Path) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    async with triage_deps(kafka) as deps:
        task = asyncio.create_task(run_triage(create_app(triage_settings(kafka, data_dir), deps), stop))
        try:
            yield task
        finally:
            stop.set()
            await task


async def _decided(kafka: KafkaSettings, wanted: int, triage: asyncio.Task[None]) -> Counter[str]:
    """Wait for decisions about so many alarms, and for everything else to be acknowledged."""
    async with asyncio.timeout(60):
        while True:
            assert not triage.done()
            events = [
                decode("alarms.changed", one.value) for one in await messages_of(kafka, "alarms.changed")
            ]
            found = Counter(one.alarm_event_id for one in events if isinstance(one, AlarmChanged))
            if len(found) >= wanted:
                return found
            await asyncio.sleep(0.2)


def _alarms(prefix: str, count: int) -> list[AlarmRaw]:
    began = datetime.now(UTC)
    return [
        alarm(f"{prefix}{number}", "cart", started_at=began, occurred_at=began) for number in range(count)
    ]


async def test_triage_decides_what_was_committed_and_nothing_of_what_was_aborted(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    async with open_admin(kafka) as admin:
        await admin.ensure()
    first, aborted, second, third = (_alarms(name, 12) for name in ("First", "Aborted", "Second", "Third"))
    await in_transactions(kafka, (True, first), (False, aborted), (True, second))
    async with _triage(kafka, tmp_path) as running:
        assert set(await _decided(kafka, 24, running)) == {one.event_id for one in [*first, *second]}
    await in_transactions(kafka, (False, aborted), (True, third))
    async with _triage(kafka, tmp_path) as running:
        found = await _decided(kafka, 36, running)
    assert set(found) == {one.event_id for one in [*first, *second, *third]}
    assert set(found.values()) == {1}


async def test_triage_goes_on_over_compacted_offsets(kafka: KafkaSettings, tmp_path: Path) -> None:
    topic = topic_of(AlarmRaw)
    await compacting_topic(kafka, topic)
    async with open_admin(kafka) as admin, open_producer(kafka, source="/test") as producer:
        await admin.ensure()
        rounds = [_alarms("Repeated", 16) for _ in range(4)]
        for one in rounds:
            await producer.publish_all([*one, *_alarms(f"Once-{len(one)}-", 8)])
        filler = alarm("Filler", "filler", started_at=datetime.now(UTC), occurred_at=datetime.now(UTC))
        left = await until_compacted(kafka, topic, filler)
        wanted = set(_ids(left, kafka))
        async with _triage(kafka, tmp_path) as running:
            assert set(await _decided(kafka, len(wanted), running)) == wanted
            await until_lag_is_gone(kafka, "tocsin-triage", "alarms.raw", running)
        late = _alarms("Late", 8)
        await producer.publish_all(late)
        async with _triage(kafka, tmp_path) as running:
            found = await _decided(kafka, len(wanted) + 8, running)
    assert set(found) == wanted | {one.event_id for one in late}
    assert {found[one.event_id] for one in late} == {1}


@dataclass
class _Noting:
    """A Handler that notes what it was given."""

    given: list[str] = field(default_factory=list)

    def arrived(self, message: Message) -> Claim:
        return Claim()

    async def handle(self, message: Message, stop: asyncio.Event) -> Outcome:
        self.given.append(decode("changes.raw", message.value).event_id)
        return Done()

    async def given_up(self, message: Message, why: Rejected) -> None:
        raise AssertionError(why)


async def _jobs(kafka: KafkaSettings, handler: _Noting, wanted: set[str]) -> None:
    topics = [kafka.names.on_broker("changes.raw")]
    consumer = make_consumer(kafka, f"{kafka.topic_prefix}jobs")
    worker = JobWorker(consumer, topics, handler, Buried(), SystemClock(), stage="test")
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    await until(lambda: task.done() or set(handler.given) >= wanted)
    stop.set()
    await task


async def test_jobs_pass_over_gaps_and_are_done_once(kafka: KafkaSettings) -> None:
    topic = topic_of(ChangeRaw)
    await compacting_topic(kafka, topic)
    sent = [change(number, f"svc-{number % 8}") for number in range(40)]
    handler = _Noting()
    async with open_producer(kafka, source="/test") as producer:
        await producer.publish_all(sent[:10])
        await _jobs(kafka, handler, {one.event_id for one in sent[:10]})
        await producer.publish_all(sent[10:])
    left = await until_compacted(kafka, topic, change(1_000, "filler"))
    wanted = {*_ids(left, kafka), *(one.event_id for one in sent[:10])}
    await _jobs(kafka, handler, wanted)
    assert set(handler.given) == wanted
    late = [change(number) for number in range(100, 110)]
    await in_transactions(kafka, (False, sent[10:15]), (True, late), (False, sent[15:20]))
    await _jobs(kafka, handler, {one.event_id for one in late})
    assert set(handler.given) == wanted | {one.event_id for one in late}
    assert _doubled(handler.given) <= {change(1_000, "filler").event_id}


async def test_detection_does_not_see_what_was_aborted(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/test") as producer:
        await admin.ensure([topic_of(KpiBatch), topic_of(AlarmRaw)])
        batches = shifted(datetime.now(UTC) - timedelta(seconds=LENGTH))
        quiet, shift = batches[: SHIFT_AT // 10], batches[SHIFT_AT // 10 :]
        site = Site(kafka, producer)
        samples = sum(len(one.times_ms) for batch in batches for one in batch.series)
        async with site.detecting():
            await in_transactions(kafka, (True, quiet), (False, shift))
            await site.handled(samples * len(quiet) // len(batches))
            assert await site.alarms() == []
            await in_transactions(kafka, (True, shift))
            await site.handled(samples)
        assert {one.service for one in await site.alarms()} == {"cart"}


async def until_lag_is_gone(
    kafka: KafkaSettings, group: str, topic: str, reading: asyncio.Task[None]
) -> None:
    async with asyncio.timeout(60):
        while await _lag(kafka, group, topic):
            assert not reading.done()
            await asyncio.sleep(0.2)
