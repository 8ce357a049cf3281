"""The verdict, by code: which claims stand, how sure that is, and whether to look again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypedDict

from agents.analysis.calibration import confidences
from agents.analysis.findings import Source
from agents.analysis.stay_findings import of_one_day
from agents.investigation.context import RunContext
from agents.investigation.contradictions import contradictions
from agents.investigation.evidence import finding_of
from agents.investigation.gaps import missing, settling_queries
from agents.investigation.open_ends import not_looked_at, open_questions
from agents.investigation.state import Claim, Conclusion, GraphState, RankedState
from agents.investigation.suspects import ruled_out
from agents.investigation.ties import tie_gap, tie_step, untied
from agents.investigation.verification import CALIBRATED, Findings, verified
from agents.ports import BudgetLevel
from schemas.errors import IntegrityError
from schemas.events.evidence import Evidence
from schemas.events.report import NextStep, Verdict

__all__ = ["VerifyDelta", "verdict_of", "verify"]

_DECISIVE = frozenset({Source.KPIS, Source.LOGS})
# What is measured in one way only was half looked at: of 24 recorded incidents and quiet hours where nothing notable was
# measured, and no log was kept, 20 were quiet. What measurements alone do not show, log lines show as often as not.
_HALF_LOOKED = 0.8
_LOOKED_AT_BOTH = 0.5
# How sure the strongest is to be the cause is known where there is one; behind an alarm with nothing notable there is one at
# most as often as not. Of 197 recorded incidents four ended so.
_HAS_A_CAUSE = 0.5
_THRIFTY = frozenset({BudgetLevel.AGGRESSIVE, BudgetLevel.DETERMINISTIC})


class VerifyDelta(TypedDict):
    conclusion: Conclusion


async def verify(state: GraphState, context: RunContext) -> VerifyDelta:
    """Hold every claim against the evidence, and conclude."""
    if state.ranked is None:
        raise IntegrityError("verify came before rank")
    ranked, evidence = state.ranked, state.current_evidence
    findings = _held_against(state, ranked, evidence, context.ports.candidates)
    outcome = await asyncio.to_thread(verified, ranked.claims, findings)
    claims = () if _only_the_alarm(ranked, evidence) else outcome.claims
    verdict = verdict_of(claims, ranked, state.late, context.settings.min_confidence)
    found = verdict is Verdict.CAUSE_FOUND
    conclusion = Conclusion(
        verdict=verdict,
        confidence=_confidence(verdict, claims, ranked, evidence),
        claims=claims,
        ruled_out=ruled_out(state, ranked, claims),
        missing=(*tie_gap(claims, state), *missing(state, evidence), *not_looked_at(ranked)),
        queries=() if found else _queries(state, ranked, claims, findings),
        partial=ranked.partial,
        contradictions=contradictions(claims, findings) if found else (),
        rejected=outcome.rejected,
        look_again=_may_look_again(verdict, state, context),
        taken_back=context.taken_back(),
        concluded_at=context.ports.clock.now(),
    )
    return {"conclusion": conclusion}


def verdict_of(claims: Sequence[Claim], ranked: RankedState, late: Sequence[Source], least: float) -> Verdict:
    """Return what may be said.

    A cause needs a claim that stands with enough confidence; a harmless alarm needs measurements, all there and all
    normal; no measurements and no claim is no data; the rest is inconclusive.
    """
    if claims and claims[0].confidence >= least:
        return Verdict.CAUSE_FOUND
    measured = _DECISIVE & set(ranked.covered)
    if not measured and not claims:
        return Verdict.DATA_UNAVAILABLE
    if not ranked.abnormal and not _DECISIVE & set(late):
        return Verdict.BENIGN
    return Verdict.INCONCLUSIVE


def _queries(
    state: GraphState, ranked: RankedState, claims: Sequence[Claim], findings: Findings
) -> tuple[NextStep, ...]:
    open_ends = settling_queries(claims, open_questions(ranked, findings), findings.evidence)
    return (*tie_step(claims, state), *open_ends)


def _only_the_alarm(ranked: RankedState, evidence: Sequence[Evidence]) -> bool:
    """Nothing was measured, and one service's own alarms are all there is: that an alarm fired is no cause."""
    alarmed = {one.service for one in evidence if one.step == Source.ALARMS and one.service}
    return not _DECISIVE & set(ranked.covered) and len(alarmed) <= 1


def _held_against(
    state: GraphState, ranked: RankedState, evidence: Sequence[Evidence], candidates: frozenset[str]
) -> Findings:
    return Findings(
        evidence=evidence,
        topology=state.topology,
        rulings=ranked.rulings,
        covered=frozenset(ranked.covered),
        believed={cause.service: cause.confidence for cause in ranked.causes},
        kinds={cause.service: cause.kind for cause in ranked.causes},
        candidates=candidates,
        untied=untied(ranked),
        alarmed=frozenset(state.request.incident.services),
    )


def _confidence(
    verdict: Verdict, claims: Sequence[Claim], ranked: RankedState, evidence: Sequence[Evidence]
) -> float | None:
    """How sure: of a cause, as its claim; of a harmless alarm, as the strongest finding is unlikely to be of a cause."""
    if verdict is Verdict.CAUSE_FOUND:
        return claims[0].confidence
    if verdict is not Verdict.BENIGN:
        return None
    scores = [
        one.score
        for one in evidence
        if one.step in _DECISIVE and one.score is not None and not of_one_day(finding_of(one))
    ]
    strongest = min(1.0, max(scores, default=0.0))
    hidden = _HAS_A_CAUSE * confidences([strongest])[0]
    if set(ranked.covered) >= _DECISIVE:
        return min(CALIBRATED, 1.0 - _LOOKED_AT_BOTH * hidden)
    return min(_HALF_LOOKED, 1.0 - hidden)


def _may_look_again(verdict: Verdict, state: GraphState, context: RunContext) -> bool:
    looks = state.plan.round if state.plan else 1
    return (
        verdict is Verdict.INCONCLUSIVE
        and not state.from_memory
        and state.level not in _THRIFTY
        and looks <= context.settings.max_widenings
    )
