"""What answering cost, as entries of the investigation's own ledger."""

from __future__ import annotations

from agents.answers.material import Material
from agents.investigation.costs import Posting, attempt_entry
from agents.llm.attempt import LlmAttempt
from schemas.events.ledger import CostEntry

__all__ = ["entry_of"]


def entry_of(attempt: LlmAttempt, material: Material) -> CostEntry:
    """Return the entry of one attempt at a model; an answer from the journal is a cache hit."""
    report = material.report
    alarm = next(iter(material.request.incident.alarms), None) if material.request else None
    where = Posting(
        tenant=report.tenant,
        investigation_id=report.investigation_id,
        incident_id=report.incident_id,
        service=alarm.service if alarm else next(iter(report.services), ""),
        alarm=alarm.name if alarm else "",
    )
    return attempt_entry(attempt, where)
