"""What the metrics say of one attempt at a model."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.llm.attempt import AttemptOutcome, LlmAttempt, RoleName
from agents.llm.measured import measure
from schemas.events.ledger import Usage
from tests.fakes.incident_ports import ListRecorder

MODEL = {"provider": "a", "model": "gpt-4o"}


def attempt(outcome: AttemptOutcome, usage: Usage, cost: int | None) -> LlmAttempt:
    return LlmAttempt(
        provider="a",
        model="gpt-4o",
        role=RoleName.WRITER,
        step="summarise",
        attempt=1,
        outcome=outcome,
        usage=usage,
        estimated=False,
        cost_nano_usd=cost,
        price_version="1",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        duration_ms=1,
    )


def measured(one: LlmAttempt) -> list[tuple[str, float, dict[str, str]]]:
    recorder = ListRecorder()
    measure(recorder, one)
    return recorder.kept


def test_tokens_are_counted_by_kind_and_what_is_unknown_is_not_counted() -> None:
    told = measured(attempt(AttemptOutcome.OK, Usage(input_uncached=70, cache_read=30, output=5), 1_250_000))
    assert told == [
        ("tocsin_llm_attempts_total", 1, {"outcome": "ok", **MODEL}),
        ("tocsin_llm_tokens_total", 70, {"kind": "input_uncached", **MODEL}),
        ("tocsin_llm_tokens_total", 30, {"kind": "cache_read", **MODEL}),
        ("tocsin_llm_tokens_total", 5, {"kind": "output", **MODEL}),
        ("tocsin_llm_cost_usd_total", pytest.approx(0.00125), MODEL),
    ]


def test_without_a_price_the_cost_is_unknown_and_not_nothing() -> None:
    told = measured(attempt(AttemptOutcome.TIMEOUT, Usage(), None))
    assert told == [
        ("tocsin_llm_attempts_total", 1, {"outcome": "timeout", **MODEL}),
        ("tocsin_llm_unpriced_attempts_total", 1, MODEL),
    ]


def test_a_journal_hit_costs_nothing() -> None:
    told = measured(attempt(AttemptOutcome.JOURNAL_HIT, Usage(), 0))
    assert [name for name, *_ in told] == ["tocsin_llm_attempts_total"]
