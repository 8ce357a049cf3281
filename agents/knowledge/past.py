"""Past incidents that are like this one."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import Finding, FindingKind, Source
from agents.knowledge.incident_text import incident_text, report_text
from agents.knowledge.judged import lineage, named_instead, refuted
from agents.knowledge.similarity import similarities
from schemas.events.incident import Incident
from schemas.events.report import Feedback, Report, Verdict
from schemas.pages.words import percent

__all__ = ["past_findings"]

# Half of the likeness is the services in common, half the words. Two incidents of one system always share some.
_ALIKE = 0.3
_MOST = 3


def past_findings(
    incident: Incident, reports: Sequence[Report], said: Sequence[Feedback] = ()
) -> tuple[Finding, ...]:
    """One finding a past report that found a cause and is like the incident, the most alike first, at most three.

    `said` is what people said of those reports: an answer that did not help is passed over, unless somebody has named
    the service that it was after all; then that is told.
    """
    instead = {report.investigation_id: _instead(report, said) for report in reports}
    told = [report for report in reports if _tells(report) and instead[report.investigation_id] is not None]
    alike = similarities(incident_text(incident), [report_text(report) for report in told])
    likeness = [(words + _overlap(incident, report)) / 2 for words, report in zip(alike, told, strict=True)]
    ranked = sorted(zip(likeness, told, strict=True), key=lambda pair: (-pair[0], pair[1].investigation_id))
    return tuple(
        _finding(report, score, instead[report.investigation_id] or "")
        for score, report in ranked[:_MOST]
        if score >= _ALIKE
    )


def _tells(report: Report) -> bool:
    return report.verdict is Verdict.CAUSE_FOUND and bool(report.causes)


def _instead(report: Report, said: Sequence[Feedback]) -> str | None:
    """The service that people named in place of the report's cause; empty: the cause stands; None: nobody knows."""
    of_it = [one for one in said if one.investigation_id in lineage(report)]
    return (named_instead(of_it) or None) if refuted(of_it) else ""


def _overlap(incident: Incident, report: Report) -> float:
    """Services in common, of all that either touched (Jaccard)."""
    ours, theirs = set(incident.services), set(report.services)
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


def _finding(report: Report, likeness: float, instead: str) -> Finding:
    cause, day = report.causes[0], report.finished_at.strftime("%Y-%m-%d %H:%M")
    alike = f"On {day} a similar incident ({percent(likeness)} alike)"
    caused = (
        f"was laid to {cause.service}, but people say it was {instead}"
        if instead
        else f"was caused by {cause.service} ({cause.kind})"
    )
    return Finding(
        source=Source.KNOWLEDGE,
        kind=FindingKind.PAST_INCIDENT,
        service=instead or cause.service,
        indicator="" if instead else cause.indicator,
        subject=f"{report.investigation_id}||{FindingKind.PAST_INCIDENT}",
        statement=f"{alike} {caused}",
        score=likeness,
        data={
            "investigation_id": report.investigation_id,
            "finished_at": day,
            "likeness": likeness,
            "cause_service": instead or cause.service,
            "cause_kind": "" if instead else cause.kind,
        },
    )
