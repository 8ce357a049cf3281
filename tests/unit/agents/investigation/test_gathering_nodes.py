from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import FindingKind, Source
from agents.analysis.signals import AlarmRecord
from agents.investigation.evidence import fingerprint
from agents.investigation.memory import request_for
from agents.investigation.nodes.gather_alarms import gather_alarms, incident_alarms, with_incident
from agents.investigation.nodes.gather_changes import gather_changes
from agents.investigation.nodes.gather_knowledge import gather_knowledge
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_logs import gather_logs
from agents.investigation.nodes.gathering import known_of
from schemas.errors import UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry
from tests.fakes.evidence import evidence
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy
from tests.fakes.incident_ports import (
    UnreachableWindows,
    collected,
    context_for,
)
from tests.fakes.node_orders import WINDOW_END, order_for

DATA = bad_deploy()


@pytest.mark.parametrize(
    ("agent", "source", "kind"),
    [
        (gather_kpis, Source.KPIS, FindingKind.LEVEL_SHIFT),
        (gather_logs, Source.LOGS, FindingKind.ERROR_BURST),
        (gather_changes, Source.CHANGES, FindingKind.RECENT_CHANGE),
        (gather_alarms, Source.ALARMS, FindingKind.FIRST_ALARM),
    ],
)
async def test_an_agent_publishes_what_it_found_with_its_query_and_its_cost(
    agent: Any, source: Source, kind: FindingKind
) -> None:
    context = context_for(DATA)

    delta = await agent(order_for(context, source), context)

    assert kind in {one.kind for one in delta["evidence"]}
    assert {one.step for one in delta["evidence"]} == {source}
    assert all(one.query for one in delta["evidence"])
    assert delta["gathered"] == tuple(f"1:{one.event_id}" for one in delta["evidence"])
    (cost,) = delta["costs"]
    assert cost.rows_read
    published = collected(context)
    assert published == [cost, *delta["evidence"]]


async def test_what_was_published_with_the_same_content_is_not_published_again() -> None:
    first, second = context_for(DATA), context_for(DATA)
    before = (await gather_kpis(order_for(first), first))["evidence"]
    moved = before[0].model_copy(update={"statement": "It was less then"})
    order = order_for(second, round=2, known=known_of((moved, *before[1:])))

    delta = await gather_kpis(order, second)

    assert delta["evidence"] == before[:1]
    assert [one for one in collected(second) if isinstance(one, Evidence)] == [*before[:1]]
    assert delta["gathered"] == tuple(f"2:{one.event_id}" for one in before)


def test_a_wider_window_alone_is_no_other_finding() -> None:
    one = evidence("cart")
    wider = one.model_copy(
        update={"window_start": one.window_start - timedelta(hours=1), "query": "SELECT 2"}
    )
    assert fingerprint(wider) == fingerprint(one)
    assert fingerprint(one.model_copy(update={"score": 9.5})) != fingerprint(one)


async def test_a_source_without_rows_says_that_there_is_no_data() -> None:
    context = context_for(replace(healthy(), logs=()))

    delta = await gather_logs(order_for(context, Source.LOGS), context)

    assert [one.kind for one in delta["evidence"]] == [FindingKind.NO_DATA]


async def test_an_unreachable_source_is_raised_until_the_last_try() -> None:
    windows = UnreachableWindows(DATA, {"kpis": 9})
    early = context_for(DATA, windows=windows, last_try=False)
    with pytest.raises(UnavailableError):
        await gather_kpis(order_for(early), early)

    late = context_for(DATA, windows=windows)
    delta = await gather_kpis(order_for(late), late)

    (one,) = delta["evidence"]
    assert one.kind == FindingKind.UNREACHABLE
    assert delta["costs"] == ()


async def test_only_the_services_asked_for_are_read() -> None:
    context = context_for(DATA)

    delta = await gather_kpis(order_for(context, services=("payment",)), context)

    assert {one.service for one in delta["evidence"]} == {"payment"}


async def test_a_flood_of_findings_keeps_the_strongest() -> None:
    context = context_for(DATA)
    ports = replace(context.ports, settings=context.settings.model_copy(update={"max_findings": 2}))
    bounded = replace(context, ports=ports)

    everything = await gather_kpis(order_for(context), context)
    kept = await gather_kpis(order_for(bounded), bounded)

    assert len(kept["evidence"]) == 2
    strongest = sorted((one.score or 0.0 for one in everything["evidence"]), reverse=True)[:2]
    assert [one.score for one in kept["evidence"]] == strongest


async def test_a_cut_answer_is_said_to_be_cut() -> None:
    class Cut(UnreachableWindows):
        async def logs(self, *args: Any) -> Any:
            return replace(await self._windows.logs(*args), truncated=True)

    context = context_for(DATA, windows=Cut(DATA, {}))

    delta = await gather_logs(order_for(context, Source.LOGS), context)

    assert any("one query reads" in one.statement for one in delta["evidence"])


async def test_each_evidence_says_how_fresh_its_data_was() -> None:
    class Fresh(UnreachableWindows):
        async def kpis(self, *args: Any) -> Any:
            return replace(await self._windows.kpis(*args), fresh_until=WINDOW_END)

    context = context_for(DATA, windows=Fresh(DATA, {}))

    delta = await gather_kpis(order_for(context), context)

    assert {one.data_fresh_until for one in delta["evidence"]} == {WINDOW_END}


def test_the_incident_s_alarms_are_added_to_the_landed_ones_once() -> None:
    own = incident_alarms(request_for(DATA).incident.alarms)
    landed = (AlarmRecord(ALARM_AT, "frontend", own[0].name), AlarmRecord(ALARM_AT - 5, "cart", "a"))

    both = with_incident(landed, own)

    assert [(alarm.service, alarm.time) for alarm in both] == [
        ("cart", ALARM_AT - 5),
        ("frontend", ALARM_AT),
    ]


async def test_knowledge_that_does_not_answer_is_a_finding() -> None:
    class Away:
        async def runbooks(self, tenant: str) -> Any:
            raise UnavailableError("no SQL")

    context = context_for(DATA, runbooks=Away())
    delta = await gather_knowledge(order_for(context, Source.KNOWLEDGE), context)

    assert [one.kind for one in delta["evidence"]] == [FindingKind.UNREACHABLE]
    early = replace(context, last_try=False)
    with pytest.raises(UnavailableError):
        await gather_knowledge(order_for(early, Source.KNOWLEDGE), early)


async def test_costs_are_rounded_up_and_named_by_their_round() -> None:
    context = context_for(DATA)

    first = await gather_kpis(order_for(context), context)
    second = await gather_kpis(order_for(context, round=2), context)

    (one,), (two,) = first["costs"], second["costs"]
    assert isinstance(one, CostEntry)
    assert one.event_id != two.event_id
    assert one.cost_nano_usd == -(-(one.rows_read or 0) * 500_000 // 1_000_000)
    assert {e.event_id for e in first["evidence"]} == {e.event_id for e in second["evidence"]}


def test_evidence_data_is_json_a_person_can_query() -> None:
    one: Evidence = evidence("cart", before=1.5)

    assert json.loads(one.data) == {"before": 1.5}
