"""Findings as evidence events and back: a finding that was published is the finding that is ranked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from agents.analysis.findings import Finding, FindingKind, Scalar, Source
from agents.analysis.signals import Window
from agents.investigation.context import RunContext
from agents.investigation.state import LookWindow
from agents.ports import Fetched
from schemas.events.evidence import Evidence
from schemas.ids import stable_id

__all__ = ["ABSENT", "evidence_of", "finding_name", "finding_of", "fingerprint", "unreachable"]

ABSENT = frozenset({FindingKind.NO_DATA, FindingKind.UNREACHABLE})
"""Kinds that say what is not known."""

_COMPARED = frozenset({Source.KPIS, Source.LOGS})
_NAME_LIMIT = 256
_KEPT = 220


def finding_name(subject: str) -> str:
    """Return the subject as an evidence event can hold it: a long one is cut and keeps its identity by a hash."""
    if len(subject) <= _NAME_LIMIT:
        return subject or "-"
    return f"{subject[:_KEPT]}~{stable_id('h', subject)}"


def evidence_of(
    finding: Finding, window: LookWindow, fetched: Fetched[object] | None, context: RunContext
) -> Evidence:
    """Return the event of one finding. Its id and content depend on the finding and the run's request alone."""
    request = context.request
    return Evidence(
        tenant=request.tenant,
        occurred_at=context.started_at,
        investigation_id=request.investigation_id,
        incident_id=request.incident.incident_id,
        step=finding.source.value,
        finding=finding_name(finding.subject),
        kind=finding.kind.value,
        service=finding.service,
        indicator=finding.indicator,
        statement=finding.statement,
        score=finding.score if finding.score is None or math.isfinite(finding.score) else None,
        direction=finding.direction,
        onset=_instant(finding.onset),
        window_start=window.baseline_start,
        window_end=window.end,
        data_fresh_until=fetched.fresh_until if fetched else None,
        query=_query(finding, window, fetched),
        data=json.dumps(
            {key: _plain(value) for key, value in (*finding.data.items(), *_looked_at(finding, window))},
            allow_nan=False,
        ),
    )


def fingerprint(evidence: Evidence) -> str:
    """Return what two events have in common that tell the same finding, however wide the window they saw it in."""
    one = evidence
    told = (
        one.kind,
        one.service,
        one.indicator,
        one.statement,
        one.score,
        one.direction,
        one.onset,
        one.data,
    )
    return stable_id("fp", *map(str, told))


def finding_of(evidence: Evidence) -> Finding:
    """Return the finding that the evidence tells of."""
    data: Mapping[str, Scalar] = json.loads(evidence.data)
    return Finding(
        source=Source(evidence.step),
        kind=FindingKind(evidence.kind),
        service=evidence.service,
        subject=evidence.finding,
        statement=evidence.statement,
        indicator=evidence.indicator,
        score=evidence.score,
        onset=evidence.onset.timestamp() if evidence.onset else None,
        direction=evidence.direction,
        data=data,
    )


def unreachable(source: Source, reason: str) -> Finding:
    """Return the finding that a source could not be asked."""
    return Finding(
        source=source,
        kind=FindingKind.UNREACHABLE,
        service="",
        subject=f"||{FindingKind.UNREACHABLE}",
        statement=f"The {source} could not be read: {reason}",
        data={"reason": reason},
    )


def _query(finding: Finding, window: LookWindow, fetched: Fetched[object] | None) -> str:
    """The query that shows what this finding says, or all that it was found in."""
    if fetched is None:
        return ""
    focused = fetched.focus(*_as_stamped(finding, window)) if fetched.focus else ""
    return focused or fetched.query


def _as_stamped(finding: Finding, window: LookWindow) -> tuple[Finding, Window]:
    """What was put right, when it was by the clock that stamped it: so it is stored."""
    ahead = window.ahead_by(finding.source).get(finding.service)
    if ahead is None or finding.kind is FindingKind.CLOCK_AHEAD:
        return finding, window.signal()
    onset = None if finding.onset is None else finding.onset + ahead
    return finding.model_copy(update={"onset": onset}), window.signal().later(ahead)


def _looked_at(finding: Finding, window: LookWindow) -> Iterator[tuple[str, Scalar]]:
    """What the analysis made of what the query reads: not all of it is usual, and not all stamps are right."""
    if ahead := window.ahead_by(finding.source).get(finding.service):
        yield "clock_ahead_s", ahead
    if finding.source in _COMPARED and window.left_out:
        spans = (f"{one.since:%H:%M:%S} to {one.until:%H:%M:%S}" for one in window.left_out)
        yield "baseline_without", f"{', '.join(spans)} UTC (another incident)"


def _instant(moment: float | None) -> datetime | None:
    if moment is None or not math.isfinite(moment):
        return None
    return datetime.fromtimestamp(moment, tz=UTC)


def _plain(value: Scalar) -> Scalar:
    return None if isinstance(value, float) and not math.isfinite(value) else value
