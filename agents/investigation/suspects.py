"""Who looked guilty and is not, and why."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import FindingKind, Source
from agents.investigation.evidence import finding_name
from agents.investigation.state import Claim, GraphState, RankedState
from schemas.events.evidence import Evidence
from schemas.events.report import RuledOut

__all__ = ["ruled_out"]

_MOST = 10
_MEASURED = frozenset({Source.KPIS, Source.LOGS})


def ruled_out(state: GraphState, ranked: RankedState, claims: Sequence[Claim]) -> tuple[RuledOut, ...]:
    """Return those whose symptoms another explains, then those who raised alarms while all they measure was normal.

    At most ten: of more, those who raised alarms before the others, and the louder ones first. Where nothing is abnormal and nobody accused, nobody has symptoms that somebody else could explain.
    """
    alarms = state.request.incident.services
    accused = {claim.service for claim in claims[:1]}
    evidence = state.current_evidence
    explained = [
        RuledOut(
            service=ruling.service,
            reason=ruling.reason,
            evidence_ids=_ids(ruling.findings, ruling.service, evidence),
        )
        for ruling in ranked.rulings
        if ruling.service not in accused and (claims or ranked.abnormal)
    ]
    explained.sort(key=lambda one: (one.service not in alarms, -_loudness(one.service, evidence)))
    done = accused | {one.service for one in explained}
    alarmed = [name for name in alarms if name not in done]
    normal = {one.service: one for one in evidence if _measured_normal(one)}
    quiet = [
        RuledOut(
            service=name,
            reason=f"It raised alarms, but nothing it measures is out of range: {normal[name].statement}",
            evidence_ids=(normal[name].event_id,),
        )
        for name in alarmed
        if name in normal and not _abnormal(name, evidence)
    ]
    return tuple([*explained, *quiet][:_MOST])


def _loudness(service: str, evidence: Sequence[Evidence]) -> float:
    """How far the strongest of what was measured of it is out of the ordinary."""
    return max(
        (one.score or 0.0 for one in evidence if one.service == service and one.step in _MEASURED),
        default=0.0,
    )


def _ids(subjects: Sequence[str], service: str, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    names = {finding_name(subject) for subject in subjects}
    return tuple(one.event_id for one in evidence if one.finding in names and one.service == service)


def _measured_normal(one: Evidence) -> bool:
    return one.step == Source.KPIS and one.kind == FindingKind.NORMAL and bool(one.service)


def _abnormal(service: str, evidence: Sequence[Evidence]) -> bool:
    return any(
        one.service == service and one.step in _MEASURED and (one.score or 0.0) >= 1.0 for one in evidence
    )
