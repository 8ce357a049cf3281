"""What `verify` compares, over a log and a ClickHouse that answer from a script."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.events import Event, InvestigationState, RequestKind
from sinks.checks import Check
from sinks.clickhouse.query import Query
from sinks.verify import InvestigationCounts, VerifyReport, verify
from tests.fakes.clickhouse_answers import AnsweringClickHouse
from tests.fakes.full_events import alarm, decision, evidence, kpis, report, request, status


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    partition: int
    offset: int
    event: Event | None


@dataclass
class Log:
    """A log of one partition, and tables that hold all of it but what is lost."""

    events: Mapping[str, Sequence[Event | None]]
    lost: frozenset[tuple[str, int]] = frozenset()
    doubled: frozenset[tuple[str, int]] = frozenset()
    buried: Mapping[str, Sequence[int]] = field(default_factory=dict)
    newer: Sequence[str] = ()
    asked: list[Query] = field(default_factory=list)

    async def read(self, topic: str) -> AsyncIterator[Message]:
        for offset, event in enumerate(self.events.get(topic, ())):
            yield Message(topic, 0, offset, event)

    def answer(self, query: Query) -> list[dict[str, Any]]:
        self.asked.append(query)
        topic = str(query.parameters.get("topic", ""))
        if query.name == "buried_offsets":
            return [
                {"source_partition": 0, "source_offset": at, "stages": ["land"]}
                for at in self.buried.get(topic, ())
            ]
        if query.name == "landed_offsets":
            return [
                {"_partition": 0, "_offset": at, "rows": 1 + ((topic, at) in self.doubled), "places": 1}
                for at, event in enumerate(self.events.get(topic, ()))
                if event is not None and (topic, at) not in self.lost
            ]
        return [{"event_id": one} for one in self.newer]


async def verified(log: Log, *topics: str, epoch: str = "") -> VerifyReport:
    return await verify(AnsweringClickHouse(answer=log.answer), log, topics=topics, epoch=epoch)


RAW = alarm("acme")
TOPICS = ("alarms.raw", "alarms.changed")


async def test_what_is_all_there_holds() -> None:
    told = await verified(Log({"alarms.raw": [RAW], "alarms.changed": [decision(RAW)]}), *TOPICS)
    assert told.holds
    assert told.problems == ()
    assert told.messages == {"alarms.raw": 1, "alarms.changed": 1}
    assert {result.check for result in told.results} == {Check.LANDED, Check.LANDED_ONCE, Check.DECIDED}


async def test_a_lost_message_is_named() -> None:
    log = Log({"alarms.raw": [RAW, RAW]}, lost=frozenset({("alarms.raw", 1)}))
    (problem,) = (await verified(log, "alarms.raw")).problems
    assert (problem.check, problem.wrong) == (Check.LANDED, 1)
    assert problem.examples == (f"alarms.raw/0@1: {RAW.event_id}",)


async def test_a_doubled_message_is_named() -> None:
    log = Log({"alarms.raw": [RAW]}, doubled=frozenset({("alarms.raw", 0)}))
    (problem,) = (await verified(log, "alarms.raw")).problems
    assert problem.check is Check.LANDED_ONCE


async def test_what_landing_gave_up_on_need_not_be_there() -> None:
    log = Log({"alarms.raw": [RAW]}, lost=frozenset({("alarms.raw", 0)}), buried={"alarms.raw": [0]})
    assert (await verified(log, "alarms.raw")).holds


@pytest.mark.parametrize(("buried", "holds"), [([0], True), ([], False)])
async def test_what_cannot_be_decoded_must_be_among_the_dead_letters(buried: list[int], holds: bool) -> None:
    assert (
        await verified(Log({"alarms.raw": [None]}, buried={"alarms.raw": buried}), "alarms.raw")
    ).holds is holds


async def test_a_table_that_keeps_one_row_an_id_may_have_a_newer_one() -> None:
    told = status("acme")
    log = Log(
        {"investigations.status": [told, told]},
        lost=frozenset({("investigations.status", 0)}),
        newer=[told.event_id],
    )
    assert (await verified(log, "investigations.status")).holds
    (asked,) = (query for query in log.asked if query.name == "landed_ids")
    assert asked.parameters["ids"] == (told.event_id,)


async def test_a_table_that_keeps_repeats_must_have_every_one() -> None:
    log = Log({"alarms.raw": [RAW, RAW]}, lost=frozenset({("alarms.raw", 0)}), newer=[RAW.event_id])
    assert not (await verified(log, "alarms.raw")).holds
    assert "landed_ids" not in {query.name for query in log.asked}


async def test_a_batch_must_have_all_its_rows() -> None:
    # The table answers one row where the batch holds three samples.
    assert not (await verified(Log({"kpis.raw": [kpis("acme")]}), "kpis.raw")).holds


async def test_an_alarm_without_a_decision_is_named_unless_it_is_buried() -> None:
    log = Log({"alarms.raw": [RAW], "alarms.changed": []})
    (problem,) = (await verified(log, *TOPICS)).problems
    assert (problem.check, problem.examples) == (Check.DECIDED, (RAW.event_id,))
    log = Log({"alarms.raw": [RAW], "alarms.changed": []}, buried={"alarms.raw": [0]})
    assert (await verified(log, *TOPICS)).holds


async def test_checks_across_topics_are_made_only_where_both_are_read() -> None:
    told = await verified(Log({"alarms.raw": [RAW]}), "alarms.raw")
    assert {result.check for result in told.results} == {Check.LANDED, Check.LANDED_ONCE}


async def test_investigations_are_counted_by_what_they_said() -> None:
    asked = [request("acme", f"inv_{n}") for n in range(4)]
    asked.append(request("acme", "inv_gone", kind=RequestKind.CANCEL))
    said = [
        status("acme", "inv_0", state=InvestigationState.RUNNING),
        status("acme", "inv_0", state=InvestigationState.COMPLETED),
        status("acme", "inv_1", state=InvestigationState.DEFERRED),
        status("acme", "inv_2", state=InvestigationState.REFUSED),
        status("acme", "inv_unasked", state=InvestigationState.RUNNING),
    ]
    log = Log({"investigations.requested": asked, "investigations.status": said})
    told = await verified(log, "investigations.requested", "investigations.status")
    assert told.investigations == InvestigationCounts(requested=4, ended=2, under_way=1, silent=1)
    (problem,) = told.problems
    assert (problem.check, problem.examples) == (Check.ANSWERED, ("inv_3",))


@pytest.mark.parametrize(("elsewhere", "wrong"), [((), 4), (("ev_1", "ev_2", "ev_3"), 1)])
async def test_evidence_may_be_left_in_the_table_alone(elsewhere: tuple[str, ...], wrong: int) -> None:
    log = Log({"reports": [report("acme")], "evidence": [evidence("acme")]}, newer=elsewhere)
    told = await verified(log, "reports", "evidence")
    (cited,) = (result for result in told.results if result.check is Check.CITED)
    assert (cited.looked_at, cited.wrong) == (4, wrong)


async def test_rows_of_another_log_are_not_asked_for() -> None:
    log = Log({"alarms.raw": [RAW]})
    await verified(log, "alarms.raw", epoch="e2")
    assert {query.parameters["epoch"] for query in log.asked} == {"e2"}


async def test_nothing_read_holds() -> None:
    told = await verified(Log({}))
    assert told.holds
    assert told.investigations == InvestigationCounts(0, 0, 0, 0)
