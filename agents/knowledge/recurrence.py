"""Does the answer of last time still hold? Decided from a handful of today's findings about the service it named."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.metrics import nature_of
from schemas.events.report import Report, ReportedCause, Verdict

__all__ = ["checkable", "services_to_check", "supporting"]

_MEASURED = frozenset({Source.KPIS, Source.LOGS})
_CHANGES = frozenset({CauseKind.DEPLOY, CauseKind.CONFIG})


def checkable(report: Report) -> bool:
    """Return whether the report holds an answer that today's data can confirm."""
    found = report.verdict is Verdict.CAUSE_FOUND and bool(report.causes)
    return found or report.verdict is Verdict.BENIGN


def services_to_check(report: Report) -> tuple[str, ...]:
    """Return the services whose data decide: the cause's own, or, after a harmless alarm, the alarmed ones."""
    return (report.causes[0].service,) if report.causes else report.services


def supporting(report: Report, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return today's findings that say the same as the report's first cause, strongest first.

    The same service must be abnormal in the same measurement; where the cause named none, in a measurement of the
    same kind. A change that did it last time lies in the past now: any anomaly of its service speaks for it.
    """
    if not report.causes:
        return ()
    same = [f for f in findings if _notable(f) and _same(report.causes[0], f)]
    return tuple(sorted(same, key=lambda finding: (-(finding.score or 0.0), finding.subject)))


def _notable(finding: Finding) -> bool:
    return (
        finding.source in _MEASURED
        and finding.kind is not FindingKind.NORMAL
        and finding.score is not None
        and finding.score >= 1.0
    )


def _same(cause: ReportedCause, finding: Finding) -> bool:
    if finding.service != cause.service:
        return False
    if cause.indicator:
        return finding.indicator == cause.indicator
    if cause.kind in _CHANGES or cause.kind == CauseKind.UNKNOWN:
        return True
    return bool(finding.indicator) and nature_of(finding.indicator).kind == cause.kind
