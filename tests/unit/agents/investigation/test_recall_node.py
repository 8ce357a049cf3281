"""A recurrence held against today's data: what is read, what is claimed, and when the old answer holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import FindingKind, Source
from agents.investigation.context import RunContext
from agents.investigation.memory import MemoryHistory
from agents.investigation.nodes.recall import recall
from agents.investigation.state import GraphState
from schemas.events.investigation import RequestKind
from schemas.events.ledger import CostEntry
from schemas.events.report import NextStep, Report, ReportedCause, Verdict
from tests.fakes.evidence import AT
from tests.fakes.incident_data import bad_deploy, healthy, without
from tests.fakes.incident_ports import UnreachableWindows, collected, context_for, state_for
from tests.fakes.node_orders import changed, planned


def past(**changes: Any) -> Report:
    cause = ReportedCause(
        service="cart", kind="cpu", indicator="cpu_usage", confidence=0.8, statement="cart cpu rose"
    )
    base: dict[str, Any] = {
        "tenant": "local",
        "occurred_at": AT,
        "investigation_id": "inv_past",
        "incident_id": "inc_past",
        "verdict": Verdict.CAUSE_FOUND,
        "headline": "cart - out of CPU",
        "causes": (cause,),
        "services": ("frontend",),
        "next_steps": (NextStep(action="Look", query="SELECT 1"), NextStep(action="Restart")),
        "started_at": AT,
        "finished_at": AT + timedelta(minutes=2),
    }
    return Report(**{**base, **changes})


def again(report: Report | None, data: Any = None, **ports: Any) -> tuple[GraphState, RunContext]:
    data = bad_deploy() if data is None else data
    plain = context_for(data)
    request = changed(plain.request, kind=RequestKind.RECURRENCE, recurrence_of="inv_past")
    history = MemoryHistory([report] if report else [])
    context = context_for(data, request=request, history=history, **ports)
    return state_for(context, plan=planned(context)), context


async def test_the_same_measurement_abnormal_again_upholds_the_answer() -> None:
    delta = await recall(*again(past()))
    recalled, ranked = delta["recalled"], delta["ranked"]
    assert recalled.still_holds
    assert recalled.note == "Still holds: cart - out of CPU"
    assert (recalled.investigation_id, recalled.verdict) == ("inv_past", Verdict.CAUSE_FOUND)
    assert recalled.answered_at == AT + timedelta(minutes=2)
    assert (ranked.abnormal, ranked.causes[0].service) == (True, "cart")


async def test_the_claim_is_memorys_in_todays_words_and_evidence() -> None:
    delta = await recall(*again(past()))
    (claim,) = delta["ranked"].claims
    evidence = {one.event_id: one for one in delta["evidence"]}
    cited = [evidence[i] for i in claim.evidence_ids]
    assert (claim.author, claim.service, claim.kind, claim.indicator) == (
        "memory",
        "cart",
        "cpu",
        "cpu_usage",
    )
    assert claim.statement.startswith("Same cause as on 2026-01-01 10:44, still holds: cart cpu_usage ")
    assert claim.confidence == 0.8
    assert (cited[0].service, cited[0].indicator) == ("cart", "cpu_usage")
    assert cited[-1].kind == FindingKind.PAST_INCIDENT
    assert len(cited) <= 7


async def test_an_answer_of_unknown_confidence_is_half_believed() -> None:
    cause = ReportedCause(service="cart", kind="cpu", indicator="cpu_usage", statement="s")
    delta = await recall(*again(past(causes=(cause,))))
    assert delta["ranked"].claims[0].confidence == 0.5


async def test_a_kind_of_cause_that_nobody_knows_any_more_is_unknown() -> None:
    cause = ReportedCause(service="cart", kind="gremlins", indicator="cpu_usage", statement="s")
    delta = await recall(*again(past(causes=(cause,))))
    assert delta["ranked"].claims[0].kind == "unknown"


async def test_only_the_service_that_decides_is_read_of_three_sources() -> None:
    state, context = again(past())
    delta = await recall(state, context)
    assert [cost.step for cost in delta["costs"]] == ["recall.kpis", "recall.logs", "recall.changes"]
    assert {one.service for one in delta["evidence"] if one.service} == {"cart"}
    assert delta["gathered"] == tuple(f"0:{one.event_id}" for one in delta["evidence"])
    costs = [event for event in collected(context) if isinstance(event, CostEntry)]
    assert tuple(costs) == delta["costs"]


async def test_the_memory_itself_is_evidence() -> None:
    delta = await recall(*again(past()))
    memory = delta["evidence"][0]
    assert (memory.step, memory.kind) == (Source.KNOWLEDGE, FindingKind.PAST_INCIDENT)
    assert memory.statement == (
        "The same alarm pattern was investigated on 2026-01-01 10:44 (UTC): cart - out of CPU"
    )


async def test_old_advice_comes_without_old_queries() -> None:
    delta = await recall(*again(past()))
    assert delta["recalled"].next_steps == (NextStep(action="Look"), NextStep(action="Restart"))


async def test_another_measurement_does_not_uphold_it() -> None:
    cause = ReportedCause(service="cart", kind="memory", indicator="memory_usage", statement="s")
    delta = await recall(*again(past(causes=(cause,))))
    assert not delta["recalled"].still_holds
    assert delta["recalled"].note == "No longer holds: cart - out of CPU"
    assert "ranked" not in delta
    assert delta["evidence"]


@pytest.mark.parametrize("report", [None, past(verdict=Verdict.INCONCLUSIVE), past(causes=())])
async def test_without_an_answer_to_check_nothing_is_read(report: Report | None) -> None:
    state, context = again(report)
    assert await recall(state, context) == {}
    assert collected(context) == []


class TestHarmless:
    CALM = past(verdict=Verdict.BENIGN, causes=(), headline="Nothing is wrong")

    async def test_it_is_harmless_again_where_the_alarmed_service_is_normal(self) -> None:
        delta = await recall(*again(self.CALM, healthy()))
        assert delta["recalled"].still_holds
        assert (delta["ranked"].abnormal, delta["ranked"].claims) == (False, ())
        assert Source.KPIS in delta["ranked"].covered

    async def test_it_is_not_where_something_is_notable(self) -> None:
        delta = await recall(*again(self.CALM, bad_deploy()))
        assert not delta["recalled"].still_holds

    async def test_nothing_measured_is_not_nothing_wrong(self) -> None:
        blind = without(healthy(), ["frontend"])
        assert not (await recall(*again(self.CALM, blind)))["recalled"].still_holds

    async def test_nothing_reached_is_not_nothing_wrong(self) -> None:
        down = UnreachableWindows(healthy(), {"kpis": 9, "logs": 9})
        delta = await recall(*again(self.CALM, healthy(), windows=down))
        assert not delta["recalled"].still_holds
        assert FindingKind.UNREACHABLE in {one.kind for one in delta["evidence"]}


async def test_an_answer_of_another_tenant_is_not_remembered() -> None:
    state, context = again(past(tenant="other"))
    assert await recall(state, context) == {}


async def test_the_last_revision_of_the_answer_counts() -> None:
    state, context = again(past())
    revised = past(revision=2, verdict=Verdict.INCONCLUSIVE)
    history = MemoryHistory([past(), revised])
    context = replace(context, ports=replace(context.ports, history=history))
    assert await recall(state, context) == {}
