"""Past incidents that are like this one."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import Finding, FindingKind, Source
from agents.knowledge.incident_text import incident_text, report_text
from agents.knowledge.similarity import similarities
from schemas.events.incident import Incident
from schemas.events.report import Report, Verdict

__all__ = ["past_findings"]

# Half of the likeness is the services in common, half the words. Two incidents of one system always share some.
_ALIKE = 0.3
_MOST = 3


def past_findings(incident: Incident, reports: Sequence[Report]) -> tuple[Finding, ...]:
    """One finding a past report that found a cause and is like the incident, the most alike first, at most three."""
    told = [report for report in reports if report.verdict is Verdict.CAUSE_FOUND and report.causes]
    alike = similarities(incident_text(incident), [report_text(report) for report in told])
    likeness = [(words + _overlap(incident, report)) / 2 for words, report in zip(alike, told, strict=True)]
    ranked = sorted(zip(likeness, told, strict=True), key=lambda pair: (-pair[0], pair[1].investigation_id))
    return tuple(_finding(report, score) for score, report in ranked[:_MOST] if score >= _ALIKE)


def _overlap(incident: Incident, report: Report) -> float:
    """Services in common, of all that either touched (Jaccard)."""
    ours, theirs = set(incident.services), set(report.services)
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


def _finding(report: Report, likeness: float) -> Finding:
    cause, day = report.causes[0], report.finished_at.strftime("%Y-%m-%d %H:%M")
    return Finding(
        source=Source.KNOWLEDGE,
        kind=FindingKind.PAST_INCIDENT,
        service=cause.service,
        indicator=cause.indicator,
        subject=f"{report.investigation_id}||{FindingKind.PAST_INCIDENT}",
        statement=f"On {day} a similar incident ({likeness:.0%} alike) was caused by {cause.service} ({cause.kind})",
        score=likeness,
        data={
            "investigation_id": report.investigation_id,
            "finished_at": day,
            "likeness": likeness,
            "cause_service": cause.service,
            "cause_kind": cause.kind,
        },
    )
