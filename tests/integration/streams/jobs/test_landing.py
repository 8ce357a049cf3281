from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.runtime.clock import SystemClock
from schemas.errors import TerminalError, UnavailableError
from schemas.events import ChangeRaw, Event, Evidence
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.jobs.attempts import RetryPolicy
from streams.jobs.batches import CutRule
from streams.kafka import KafkaSettings
from streams.land import Lander, LandRules
from streams.messages import LandedMessage
from streams.producer import EventProducer, open_producer
from tests.fakes.waiting import until
from tests.integration.streams.jobs.parts import Buried, change

pytestmark = pytest.mark.broker

RULES = LandRules(
    topics=("changes.raw", "evidence"),
    cut=CutRule(max_messages=7, max_age=timedelta(milliseconds=50)),
    retry=RetryPolicy(first_s=0.01, cap_s=0.05),
    poll_s=0.05,
)


class KilledError(Exception):
    """The process dies here."""


@dataclass
class Tables:
    """A Landing with deduplication by token, as ClickHouse has it, that can die or be away around an insert."""

    rows: dict[str, list[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    die_before: set[int] = field(default_factory=set)
    die_after: set[int] = field(default_factory=set)
    away: bool = False
    asked_in_vain: int = 0
    refuse: bool = False

    async def insert(self, topic: str, messages: Sequence[LandedMessage], token: str) -> None:
        if self.away:
            self.asked_in_vain += 1
            raise UnavailableError("no ClickHouse")
        if self.refuse:
            raise TerminalError("a column is missing")
        self.calls.append(token)
        number = len(self.calls)
        if number in self.die_before:
            raise KilledError
        ids = [one.event.event_id for one in messages]
        assert token.startswith(f"{topic}:")
        assert self.rows.setdefault(token, ids) == ids, "a token always comes with the same rows"
        if number in self.die_after:
            raise KilledError

    @property
    def landed(self) -> list[str]:
        return [one for ids in self.rows.values() for one in ids]


@dataclass
class Marks:
    """Watermarks that remember."""

    reached: dict[tuple[str, int], list[datetime]] = field(default_factory=dict)

    async def advance(self, topic: str, partition: int, caught_up_to: datetime) -> None:
        self.reached.setdefault((topic, partition), []).append(caught_up_to)

    def passed(self, topic: str, partitions: int, at: datetime) -> bool:
        return all(max(self.reached.get((topic, p), [at])) > at for p in range(partitions))


@dataclass
class Site:
    settings: KafkaSettings
    producer: EventProducer
    tables: Tables = field(default_factory=Tables)
    office: Buried = field(default_factory=Buried)
    marks: Marks = field(default_factory=Marks)

    def lander(self, rules: LandRules = RULES) -> Lander:
        return Lander(self.settings, self.tables, self.office, self.marks, SystemClock(), rules=rules)

    @contextlib.asynccontextmanager
    async def landing(self, rules: LandRules = RULES) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.lander(rules).run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


@pytest.fixture
async def site(kafka: KafkaSettings) -> AsyncIterator[Site]:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(ChangeRaw), replace(topic_of(Evidence), partitions=3)])
        yield Site(kafka, producer)


def finding(number: int) -> Evidence:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Evidence(
        tenant="acme",
        occurred_at=at,
        investigation_id=f"inv_{number % 10}",
        incident_id="inc_1",
        step="kpis",
        finding=f"cart|cpu|{number}",
        kind="level_shift",
        statement="cpu rose",
        window_start=at,
        window_end=at,
    )


async def test_what_is_produced_lands_once_in_its_table(site: Site) -> None:
    events: list[Event] = [change(number) for number in range(20)] + [finding(n) for n in range(30)]
    await site.producer.publish_all(events)
    async with site.landing():
        await until(lambda: len(site.tables.landed) == len(events))
    assert sorted(site.tables.landed) == sorted(event.event_id for event in events)


async def test_a_landing_that_dies_around_its_inserts_lands_every_row_once(site: Site) -> None:
    events: list[Event] = [change(number) for number in range(60)]
    await site.producer.publish_all(events[:40])
    site.tables.die_after = {1, 3, 7}
    site.tables.die_before = {2, 5}
    deaths = 0
    while len(site.tables.landed) < len(events):
        stop = asyncio.Event()
        # Another rule after each death: what was declared must not be cut anew.
        rule = CutRule(max_messages=3 + 2 * deaths, max_age=timedelta(milliseconds=50))
        task = asyncio.create_task(site.lander(replace(RULES, cut=rule)).run(stop))
        await until(lambda task=task: task.done() or len(site.tables.landed) == len(events))  # type: ignore[misc]  # a default binds the loop's task
        stop.set()
        died = (await asyncio.gather(task, return_exceptions=True))[0]
        if died is not None:
            assert isinstance(died, ExceptionGroup)
            assert died.subgroup(KilledError) is not None
            deaths += 1
        if deaths == 5 and len(site.tables.landed) < len(events):
            await site.producer.publish_all(events[len(events) - 20 :])
    assert deaths == 5
    assert len(site.tables.calls) > len(site.tables.rows), "some batch was inserted again under its token"
    assert sorted(site.tables.landed) == sorted(event.event_id for event in events)


async def test_before_a_broker_that_forgets_stops_the_rest_is_landed(site: Site) -> None:
    """Batches here fall due after two seconds only: without going on, the stop would leave them where they are."""
    slow = replace(RULES, cut=CutRule(max_messages=1000, max_age=timedelta(seconds=2)), finish_s=60.0)
    await site.producer.publish(change(0))
    async with site.landing(slow):
        await until(lambda: len(site.tables.landed) == 1)
        await site.producer.publish_all([change(number) for number in range(1, 40)])
    assert len(site.tables.landed) == 40


async def test_what_the_tables_do_not_take_is_not_waited_for_longer_than_allowed(site: Site) -> None:
    site.tables.away = True
    await site.producer.publish(change(0))
    async with site.landing(replace(RULES, finish_s=0.3, grace_s=0.1)):
        await until(lambda: site.tables.asked_in_vain > 0)
    assert site.tables.landed == []
    site.tables.away = False
    async with site.landing():
        await until(lambda: len(site.tables.landed) == 1)


async def test_a_cancelled_landing_is_taken_up_where_it_was(site: Site) -> None:
    events: list[Event] = [change(number) for number in range(50)]
    await site.producer.publish_all(events)
    task = asyncio.create_task(site.lander().run(asyncio.Event()))
    await until(lambda: len(site.tables.rows) >= 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with site.landing():
        await until(lambda: len(site.tables.landed) >= len(events))
    assert sorted(site.tables.landed) == sorted(event.event_id for event in events)


async def test_what_cannot_be_decoded_is_buried_and_the_batch_goes_on(site: Site) -> None:
    await site.producer.publish(change(0))
    await site.producer.send_raw("changes.raw", b"acme|cart", b"junk")
    await site.producer.publish(change(1))
    async with site.landing():
        await until(lambda: len(site.tables.landed) >= 2 and bool(site.office.letters))
    buried = {(message.value, stage, reason) for message, stage, reason, _ in site.office.letters}
    assert buried == {(b"junk", "land", "bad_magic")}


async def test_what_another_role_buries_is_only_passed_over(site: Site) -> None:
    await site.producer.send_raw("changes.raw", b"acme|cart", b"junk")
    await site.producer.publish(change(0))
    async with site.landing(replace(RULES, buried_elsewhere=frozenset({"changes.raw"}))):
        await until(lambda: len(site.tables.landed) == 1)
    assert site.office.letters == []


async def test_tables_that_are_away_are_waited_for(site: Site) -> None:
    site.tables.away = True
    events = [change(number) for number in range(40)]
    await site.producer.publish_all(events)
    async with site.landing():
        await until(lambda: site.tables.asked_in_vain > 3)
        assert site.tables.landed == []
        site.tables.away = False
        await until(lambda: len(site.tables.landed) == len(events))


async def test_tables_that_refuse_rows_stop_the_landing_and_nothing_is_skipped(site: Site) -> None:
    site.tables.refuse = True
    await site.producer.publish(change(0))
    with pytest.raises(ExceptionGroup) as failure:
        await site.lander().run(asyncio.Event())
    assert failure.value.subgroup(TerminalError) is not None
    site.tables.refuse = False
    async with site.landing():
        await until(lambda: len(site.tables.landed) == 1)


async def test_the_watermark_passes_a_moment_once_what_was_before_it_has_landed(site: Site) -> None:
    async with site.landing():
        await site.producer.publish_all([finding(n) for n in range(20)])
        produced = datetime.now(UTC)
        await until(lambda: site.marks.passed("evidence", 3, produced))
        assert len(site.tables.landed) == 20
        site.tables.away = True
        await site.producer.publish_all([change(n) for n in range(5)])
        late = datetime.now(UTC)
        await until(lambda: site.marks.passed("evidence", 3, late))
        assert not site.marks.passed("changes.raw", 1, late)
        site.tables.away = False
        await until(lambda: site.marks.passed("changes.raw", 1, late))
        assert len(site.tables.landed) == 25
    for times in site.marks.reached.values():
        assert times == sorted(times)


async def test_two_landers_share_and_take_over_without_doubling(site: Site) -> None:
    events: list[Event] = [finding(n) for n in range(300)]

    async def produce() -> None:
        for start in range(0, len(events), 10):
            await site.producer.publish_all(events[start : start + 10])
            await asyncio.sleep(0.1)

    async with site.landing():
        producing = asyncio.create_task(produce())
        await until(lambda: len(site.tables.landed) > 20)
        async with site.landing():
            await until(lambda: len(site.tables.landed) > 200)
        await producing
        await until(lambda: len(site.tables.landed) >= len(events))
    assert sorted(site.tables.landed) == sorted(event.event_id for event in events)
