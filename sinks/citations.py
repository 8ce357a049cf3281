"""Which evidence a report rests on."""

from __future__ import annotations

from schemas.events import Report

__all__ = ["cited_evidence"]


def cited_evidence(report: Report) -> frozenset[str]:
    """Every evidence id that the report names: in causes, in what was ruled out, in the timeline."""
    causes = {cited for cause in report.causes for cited in cause.evidence_ids}
    ruled_out = {cited for suspect in report.ruled_out for cited in suspect.evidence_ids}
    timeline = {entry.evidence_id for entry in report.timeline if entry.evidence_id}
    return frozenset(causes | ruled_out | timeline)
