"""What answering cost, as entries of the investigation's own ledger."""

from __future__ import annotations

from agents.answers.material import Material
from agents.llm.attempt import AttemptOutcome, LlmAttempt
from schemas.events.ledger import CostEntry, CostKind

__all__ = ["entry_of"]


def entry_of(attempt: LlmAttempt, material: Material) -> CostEntry:
    """Return the entry of one attempt at a model; an answer from the journal is a cache hit."""
    report, hit = material.report, attempt.outcome is AttemptOutcome.JOURNAL_HIT
    alarm = next(iter(material.request.incident.alarms), None) if material.request else None
    return CostEntry(
        tenant=report.tenant,
        occurred_at=attempt.started_at,
        investigation_id=report.investigation_id,
        incident_id=report.incident_id,
        service=alarm.service if alarm else next(iter(report.services), ""),
        alarm=alarm.name if alarm else "",
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
