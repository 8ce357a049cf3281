"""What is not known, and what would settle it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.analysis.findings import FindingKind, Source
from agents.investigation.state import Claim, GraphState
from schemas.events.evidence import Evidence
from schemas.events.report import NextStep

__all__ = ["missing", "settling_queries"]

# No runbook, no change and no trace is an answer, not a gap.
_GAPS = frozenset({Source.KPIS.value, Source.LOGS.value})
_MOST = 5


def missing(state: GraphState, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Return what would have helped and was not there, each as a sentence."""
    late = [_not_landed(state.late)] if state.late else []
    absent = [one.statement for one in evidence if one.kind == FindingKind.NO_DATA and _is_gap(one)]
    away = [one.statement for one in evidence if one.kind == FindingKind.UNREACHABLE]
    return tuple(dict.fromkeys([*away, *late, *absent]))


def _not_landed(sources: Sequence[str]) -> str:
    return f"The newest data of {', '.join(sources)} had not landed when the wait ended: what it shows was not seen"


def settling_queries(
    claims: Sequence[Claim], questions: Iterable[str], evidence: Sequence[Evidence]
) -> tuple[NextStep, ...]:
    """Return what to look at next where nothing was settled: the suspects first, then what was not there."""
    known = {one.event_id: one for one in evidence}
    suspects = [
        NextStep(
            action=f"Look closer at {claim.service}, over a longer time: {claim.statement}",
            query=known[claim.evidence_ids[0]].query,
        )
        for claim in claims
    ]
    asked = [NextStep(action=question) for question in questions]
    gaps = [
        NextStep(action=f"Find out why there is nothing to see: {one.statement}", query=one.query)
        for one in evidence
        if one.kind in {FindingKind.NO_DATA, FindingKind.UNREACHABLE} and _is_gap(one)
    ]
    return tuple([*suspects, *asked, *gaps][:_MOST])


def _is_gap(one: Evidence) -> bool:
    # Measurements of calls between services are a kind of their own, which few have.
    return one.step in _GAPS and not one.finding.startswith("calls|")
