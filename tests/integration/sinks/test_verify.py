from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from schemas.events import AlarmRaw, CostEntry, Decision, Event, InvestigationState, RequestKind
from schemas.topics import CATALOGUE
from sinks.checks import Check
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.verify import InvestigationCounts, VerifyReport, verify
from tests.fakes.full_events import (
    alarm,
    cost,
    dead_letter,
    decision,
    everything,
    evidence,
    kpis,
    logs,
    report,
    request,
    status,
)
from tests.integration.sinks.samples import FixedClock, land

pytestmark = pytest.mark.clickhouse


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    partition: int
    offset: int
    event: Event | None


@dataclass
class _Log:
    """A log with one partition per topic, that can be read back."""

    topics: dict[str, list[_Message]] = field(default_factory=lambda: defaultdict(list))

    async def read(self, topic: str) -> AsyncIterator[_Message]:
        for message in self.topics[topic]:
            yield message

    def append(self, topic: str, event: Event | None) -> int:
        offset = len(self.topics[topic])
        self.topics[topic].append(_Message(topic, 0, offset, event))
        return offset


@dataclass
class _World:
    """A log, its tables, and what is wrong with them."""

    clickhouse: ClickHouse
    landing: ClickHouseLanding
    tenant: str
    log: _Log = field(default_factory=_Log)

    async def produce(self, *events: Event, landed: bool = True) -> None:
        for event in events:
            offset = self.log.append(event.TOPIC, event)
            if landed:
                await land(self.landing, event, first=offset)

    async def verify(self) -> VerifyReport:
        return await verify(self.clickhouse, self.log, epoch=self.tenant)


@pytest.fixture
def world(clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str) -> _World:
    return _World(clickhouse, landing, tenant)


def _consistent(tenant: str) -> Sequence[Event]:
    found = evidence(tenant)
    cause = {"service": "cart", "kind": "cpu", "statement": "s", "evidence_ids": (found.event_id,)}
    concluded = report(tenant, causes=(cause,), ruled_out=(), timeline=())
    skipped = {"costs", "evidence", "reports", "dead-letters"}
    others = (event for event in everything(tenant) if event.TOPIC not in skipped)
    return [*others, _spent(tenant), found, concluded]


def _spent(tenant: str) -> CostEntry:
    """Named as no other test's: the ledger keeps an entry across logs."""
    return cost(tenant, f"inv_{tenant}")


def _wrong(report: VerifyReport) -> dict[tuple[Check, str], int]:
    return {(result.check, result.topic): result.wrong for result in report.problems}


async def test_a_sound_world_holds(world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    # A repeat from the source, and a batch of events published again after a crash.
    await world.produce(alarm(world.tenant), _spent(world.tenant), evidence(world.tenant))

    outcome = await world.verify()

    assert outcome.problems == ()
    assert outcome.holds
    assert outcome.messages["costs"] == 2
    assert outcome.investigations == InvestigationCounts(requested=1, ended=0, under_way=1, silent=0)
    assert {result.check for result in outcome.results} == set(Check)


@pytest.mark.parametrize("topic", sorted(CATALOGUE.keys() - {"dead-letters"}))
async def test_a_lost_message_is_found_in_every_topic(topic: str, world: _World) -> None:
    for event in _consistent(world.tenant):
        await world.produce(event, landed=topic != event.TOPIC)

    assert _wrong(await world.verify()) == {(Check.LANDED, topic): 1}


@pytest.mark.parametrize("table", ["kpis", "logs", "alarms", "changes"])
async def test_a_lost_row_is_found(table: str, world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    condition = f"_epoch = '{world.tenant}' AND _index = 0"
    await world.clickhouse.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - the test's own text

    assert list(_wrong(await world.verify()).values()) == [1]


async def test_an_entry_that_is_in_the_ledger_twice_is_found(world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    columns = "event_id, tenant, investigation_id, landed_at, expires_at"
    await world.clickhouse.execute("SYSTEM STOP MERGES costs")
    await world.clickhouse.execute(
        f"INSERT INTO costs ({columns}) SELECT {columns} FROM costs WHERE _epoch = '{world.tenant}'"  # noqa: S608 - the test's own text
    )
    try:
        assert _wrong(await world.verify()) == {(Check.LANDED_ONCE, "costs"): 1}
    finally:
        await world.clickhouse.execute("SYSTEM START MERGES costs")
        await world.clickhouse.execute("OPTIMIZE TABLE costs FINAL")


async def test_an_entry_that_an_earlier_log_had_counts_as_landed(world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    earlier = ClickHouseLanding(world.clickhouse, FixedRetention(30), FixedClock(), epoch="an earlier log")
    again = cost(world.tenant, f"inv_earlier_{world.tenant}")
    await land(earlier, again)

    await world.produce(again)

    assert (await world.verify()).problems == ()


async def test_a_doubled_row_is_found(world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    batch = world.log.topics["kpis.raw"]
    again = [_Message("kpis.raw", 0, message.offset, message.event) for message in batch]
    events = [message.event for message in again if message.event is not None]
    await world.landing.insert("kpis.raw", [_as_landed(one) for one in again], "another-token")

    outcome = await world.verify()

    assert len(events) == 1
    assert _wrong(outcome) == {(Check.LANDED_ONCE, "kpis.raw"): 1}
    assert outcome.problems[0].examples == ("kpis.raw/0@0: 6 rows for 3",)


@dataclass(frozen=True, slots=True)
class _Decoded:
    event: Event
    topic: str
    partition: int
    offset: int


def _as_landed(message: _Message) -> _Decoded:
    assert message.event is not None
    return _Decoded(message.event, message.topic, message.partition, message.offset)


async def test_a_missing_decision_is_found(world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    undecided = alarm(world.tenant, fingerprint="undecided")
    await world.produce(undecided)

    outcome = await world.verify()

    assert _wrong(outcome) == {(Check.DECIDED, "alarms.raw"): 1}
    assert outcome.problems[0].examples == (undecided.event_id,)


async def test_an_alarm_that_was_dead_lettered_needs_no_decision(world: _World) -> None:
    await world.produce(*_consistent(world.tenant))
    refused = alarm(world.tenant, fingerprint="refused")
    await world.produce(refused)
    offset = len(world.log.topics["alarms.raw"]) - 1
    await world.produce(dead_letter(world.tenant, source_partition=0, source_offset=offset))

    assert (await world.verify()).holds

    await world.produce(refused)
    assert _wrong(await world.verify()) == {(Check.DECIDED, "alarms.raw"): 1}


async def test_a_message_nobody_can_decode_must_be_a_dead_letter(world: _World) -> None:
    await world.produce(alarm(world.tenant), decision(alarm(world.tenant), Decision.OPENED))
    offset = world.log.append(AlarmRaw.TOPIC, None)

    assert _wrong(await world.verify()) == {(Check.LANDED, "alarms.raw"): 1}

    await world.produce(dead_letter(world.tenant, source_partition=0, source_offset=offset))
    assert (await world.verify()).holds


async def test_investigations_are_counted_by_where_they_stand(world: _World) -> None:
    tenant = world.tenant
    await world.produce(
        *(request(tenant, f"inv_{n}") for n in (1, 2, 3)),
        request(tenant, "inv_4", kind=RequestKind.CANCEL),
        status(tenant, "inv_1", state=InvestigationState.QUEUED),
        status(tenant, "inv_1", state=InvestigationState.COMPLETED),
        status(tenant, "inv_2", state=InvestigationState.WAITING),
    )

    outcome = await world.verify()

    assert outcome.investigations == InvestigationCounts(requested=3, ended=1, under_way=1, silent=1)
    assert _wrong(outcome) == {(Check.ANSWERED, "investigations.requested"): 1}
    assert outcome.problems[0].examples == ("inv_3",)


async def test_a_citation_of_nothing_is_found(world: _World) -> None:
    await world.produce(report(world.tenant))

    outcome = await world.verify()

    assert _wrong(outcome) == {(Check.CITED, "reports"): 4}


async def test_evidence_that_only_the_table_remembers_counts(world: _World) -> None:
    found = evidence(world.tenant, finding=f"only|{world.tenant}")
    await land(world.landing, found)
    cause = {"service": "cart", "kind": "cpu", "statement": "s", "evidence_ids": (found.event_id,)}
    await world.produce(report(world.tenant, causes=(cause,), ruled_out=(), timeline=()))

    assert (await world.verify()).holds


async def test_another_log_in_the_same_tables_is_left_out(world: _World, clickhouse: ClickHouse) -> None:
    await world.produce(kpis(world.tenant), logs(world.tenant))

    outcome = await verify(clickhouse, world.log, epoch="another")

    assert _wrong(outcome) == {(Check.LANDED, "kpis.raw"): 1, (Check.LANDED, "logs.raw"): 1}


async def test_a_part_of_the_topics_is_judged_by_itself(world: _World) -> None:
    await world.produce(alarm(world.tenant), report(world.tenant))

    outcome = await verify(world.clickhouse, world.log, topics=("alarms.raw",), epoch=world.tenant)

    assert outcome.holds
    assert {result.check for result in outcome.results} == {Check.LANDED, Check.LANDED_ONCE}
