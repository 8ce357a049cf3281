"""Past incidents that are like this one."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import Finding, FindingKind, Source
from agents.knowledge.incident_text import incident_text, report_text
from agents.knowledge.similarity import similarities
from schemas.events.incident import Incident
from schemas.events.report import Report, Verdict

__all__ = ["past_findings"]

# Two incidents of one system always share its words; below a fifth they share nothing else.
_ALIKE = 0.2
_MOST = 3


def past_findings(incident: Incident, reports: Sequence[Report]) -> tuple[Finding, ...]:
    """One finding a past report that found a cause and is like the incident, the most alike first, at most three."""
    told = [report for report in reports if report.verdict is Verdict.CAUSE_FOUND and report.causes]
    alike = similarities(incident_text(incident), [report_text(report) for report in told])
    ranked = sorted(zip(alike, told, strict=True), key=lambda pair: (-pair[0], pair[1].investigation_id))
    return tuple(_finding(report, likeness) for likeness, report in ranked[:_MOST] if likeness >= _ALIKE)


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
