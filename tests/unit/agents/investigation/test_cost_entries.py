"""Ledger entries: what a query and an attempt at a model cost, and what they add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.investigation.context import RunContext
from agents.investigation.costs import attempt_cost, query_cost, total_nano_usd
from agents.llm.attempt import AttemptOutcome, LlmAttempt, RoleName
from agents.ports import Fetched
from schemas.events.incident import Incident
from schemas.events.ledger import CostEntry, CostKind, Usage
from tests.fakes.evidence import AT
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import context_for
from tests.fakes.node_orders import changed

CONTEXT = context_for(healthy())


def priced(nano_usd: int | None) -> RunContext:
    settings = CONTEXT.settings.model_copy(update={"nano_usd_per_million_rows": nano_usd})
    return replace(CONTEXT, ports=replace(CONTEXT.ports, settings=settings))


def fetched(rows: int) -> Fetched[object]:
    return Fetched(items=(), query="SELECT 1", rows_read=rows, duration_ms=7)


def attempt(**changes: Any) -> LlmAttempt:
    base: dict[str, Any] = {
        "provider": "first",
        "model": "gpt-4o",
        "role": RoleName.WRITER,
        "step": "summarise",
        "attempt": 3,
        "outcome": AttemptOutcome.OK,
        "usage": Usage(input_uncached=10, output=5),
        "estimated": True,
        "cost_nano_usd": 75_000,
        "price_version": "v1",
        "started_at": AT,
        "duration_ms": 12,
    }
    return LlmAttempt(**{**base, **changes})


@pytest.mark.parametrize(
    ("rows", "price", "cost"),
    [
        (0, 500_000, 0),
        (1, 500_000, 1),
        (2, 500_000, 1),
        (3, 500_000, 2),
        (1_000_000, 500_000, 500_000),
        (1_000_001, 500_000, 500_001),
        (10**12, 0, 0),
        (10**12, 3, 3_000_000),
    ],
)
def test_a_query_costs_by_the_rows_it_reads_rounded_up(rows: int, price: int, cost: int) -> None:
    entry = query_cost("kpis", 1, fetched(rows), priced(price))
    assert (entry.cost_nano_usd, entry.rows_read, entry.duration_ms) == (cost, rows, 7)


def test_an_unpriced_query_costs_an_unknown_amount_under_no_price() -> None:
    entry = query_cost("kpis", 1, fetched(5), priced(None))
    assert (entry.cost_nano_usd, entry.price_version) == (None, "")
    assert query_cost("kpis", 1, fetched(5), CONTEXT).price_version == "scan-5-usd-per-tb"


def test_an_entry_names_whom_it_is_for() -> None:
    entry = query_cost("recall.logs", 2, fetched(5), CONTEXT)
    request = CONTEXT.request
    assert (entry.tenant, entry.investigation_id) == ("local", request.investigation_id)
    assert (entry.incident_id, entry.service) == (request.incident.incident_id, "frontend")
    assert (entry.alarm, entry.step, entry.attempt) == ("latency_p95", "recall.logs", 2)
    assert (entry.kind, entry.provider, entry.model) == (CostKind.QUERY, "clickhouse", "")
    assert entry.occurred_at == CONTEXT.started_at


def test_an_incident_without_alarms_names_nobody() -> None:
    incident = Incident.model_validate({**CONTEXT.request.incident.model_dump(), "alarms": ()})
    nameless = replace(CONTEXT, request=changed(CONTEXT.request, incident=incident))
    entry = query_cost("kpis", 1, fetched(5), nameless)
    assert (entry.service, entry.alarm) == ("", "")
    assert attempt_cost(attempt(), nameless).service == ""


def test_queries_of_two_looks_are_two_entries_and_a_repeat_is_one() -> None:
    first = query_cost("kpis", 1, fetched(5), CONTEXT)
    assert query_cost("kpis", 1, fetched(6), CONTEXT).event_id == first.event_id
    assert query_cost("kpis", 2, fetched(5), CONTEXT).event_id != first.event_id
    assert query_cost("logs", 1, fetched(5), CONTEXT).event_id != first.event_id


def test_an_attempt_is_passed_on_whole() -> None:
    entry = attempt_cost(attempt(), CONTEXT)
    assert (entry.kind, entry.outcome, entry.estimated) == (CostKind.LLM, "ok", True)
    assert (entry.provider, entry.model, entry.step, entry.attempt) == ("first", "gpt-4o", "summarise", 3)
    assert (entry.cost_nano_usd, entry.price_version, entry.duration_ms) == (75_000, "v1", 12)
    assert entry.usage == Usage(input_uncached=10, output=5)
    assert entry.occurred_at == AT
    assert entry.rows_read is None


@pytest.mark.parametrize("outcome", list(AttemptOutcome))
def test_only_an_answer_from_the_journal_is_a_cache_hit(outcome: AttemptOutcome) -> None:
    entry = attempt_cost(attempt(outcome=outcome), CONTEXT)
    hit = outcome is AttemptOutcome.JOURNAL_HIT
    assert entry.kind is (CostKind.CACHE_HIT if hit else CostKind.LLM)
    assert entry.outcome == outcome.value


def test_a_hit_and_the_attempt_it_repeats_are_two_entries() -> None:
    hit = attempt_cost(attempt(outcome=AttemptOutcome.JOURNAL_HIT), CONTEXT)
    assert hit.event_id != attempt_cost(attempt(), CONTEXT).event_id


def entries(costs: list[int | None]) -> list[CostEntry]:
    return [attempt_cost(attempt(cost_nano_usd=cost), CONTEXT) for cost in costs]


@pytest.mark.parametrize(
    ("costs", "total"), [([], 0), ([5], 5), ([5, 0, 7], 12), ([None], None), ([5, None, 7], None)]
)
def test_a_sum_with_an_unknown_part_is_unknown(costs: list[int | None], total: int | None) -> None:
    assert total_nano_usd(entries(costs)) == total


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**15), st.integers(0, 10**9))
def test_the_price_of_rows_is_never_rounded_down_nor_by_more_than_one(rows: int, price: int) -> None:
    cost = query_cost("kpis", 1, fetched(rows), priced(price)).cost_nano_usd
    assert cost is not None
    assert 0 <= cost * 1_000_000 - rows * price < 1_000_000
