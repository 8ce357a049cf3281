"""Ledger entries of an investigation: one for each query and each attempt at a model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agents.investigation.context import RunContext
from agents.llm.attempt import AttemptOutcome, LlmAttempt
from agents.ports import Fetched
from schemas.events.ledger import CostEntry, CostKind

__all__ = ["Posting", "attempt_cost", "attempt_entry", "query_cost", "total_nano_usd"]

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Posting:
    """What an entry is posted to: whose ledger, of which investigation, by which alarm."""

    tenant: str
    investigation_id: str
    incident_id: str
    service: str
    alarm: str


def query_cost(step: str, look: int, fetched: Fetched[object], context: RunContext) -> CostEntry:
    """Return the entry of one query. `look` numbers the rounds: the same query in a wider window is another entry."""
    settings, request = context.settings, context.request
    price = settings.nano_usd_per_million_rows
    return CostEntry(
        tenant=request.tenant,
        occurred_at=context.started_at,
        investigation_id=request.investigation_id,
        incident_id=request.incident.incident_id,
        service=_service(context),
        alarm=_alarm(context),
        step=step,
        attempt=look,
        kind=CostKind.QUERY,
        provider="clickhouse",
        cost_nano_usd=None if price is None else -(-fetched.rows_read * price // _MILLION),
        price_version="" if price is None else settings.price_version,
        duration_ms=fetched.duration_ms,
        rows_read=fetched.rows_read,
    )


def attempt_cost(attempt: LlmAttempt, context: RunContext) -> CostEntry:
    """Return the entry of one attempt at a model; an answer from the journal is a cache hit."""
    request = context.request
    where = Posting(
        tenant=request.tenant,
        investigation_id=request.investigation_id,
        incident_id=request.incident.incident_id,
        service=_service(context),
        alarm=_alarm(context),
    )
    return attempt_entry(attempt, where)


def attempt_entry(attempt: LlmAttempt, where: Posting) -> CostEntry:
    """Return the entry of an attempt in a ledger; an answer from the journal is a cache hit."""
    hit = attempt.outcome is AttemptOutcome.JOURNAL_HIT
    return CostEntry(
        tenant=where.tenant,
        occurred_at=attempt.started_at,
        investigation_id=where.investigation_id,
        incident_id=where.incident_id,
        service=where.service,
        alarm=where.alarm,
        step=attempt.step,
        attempt=attempt.attempt,
        kind=CostKind.CACHE_HIT if hit else CostKind.LLM,
        provider=attempt.provider,
        model=attempt.model,
        usage=attempt.usage,
        estimated=attempt.estimated,
        cost_nano_usd=attempt.cost_nano_usd,
        price_version=attempt.price_version,
        outcome=attempt.outcome.value,
        duration_ms=attempt.duration_ms,
    )


def total_nano_usd(costs: Iterable[CostEntry]) -> int | None:
    """Return the sum in 10^-9 USD; None when a part of it has no known price."""
    known = [entry.cost_nano_usd for entry in costs]
    priced = [cost for cost in known if cost is not None]
    return sum(priced) if len(priced) == len(known) else None


def _service(context: RunContext) -> str:
    return next((alarm.service for alarm in context.request.incident.alarms), "")


def _alarm(context: RunContext) -> str:
    return next((alarm.name for alarm in context.request.incident.alarms), "")
