"""A recurrence is answered from memory: does the answer of last time still hold, by a few of today's data?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from agents.analysis.findings import Cause, CauseKind, Finding, FindingKind, Source
from agents.investigation.context import RunContext
from agents.investigation.evidence import ABSENT, finding_name, finding_of
from agents.investigation.nodes.gather_changes import gather_changes
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_logs import gather_logs
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, published
from agents.investigation.picture import Picture
from agents.investigation.state import (
    RECALL_ROUND,
    Claim,
    GatherTask,
    GraphState,
    Plan,
    RankedState,
    Recalled,
)
from agents.investigation.verification import accuses
from agents.knowledge.judged import lineage, mean_score, refuted
from agents.knowledge.recurrence import checkable, services_to_check, supporting
from schemas.errors import IntegrityError
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry
from schemas.events.report import Feedback, Report

__all__ = ["RecallDelta", "recall"]

_NO_PAST_CONFIDENCE = 0.5
_CITED = 6


class RecallDelta(TypedDict, total=False):
    evidence: tuple[Evidence, ...]
    costs: tuple[CostEntry, ...]
    gathered: tuple[str, ...]
    recalled: Recalled
    ranked: RankedState
    pictures: tuple[Picture, ...]


async def recall(state: GraphState, context: RunContext) -> RecallDelta:
    """Check the earlier answer. Where there is none, or it holds no more, the investigation goes on as any other."""
    if state.plan is None:
        raise IntegrityError("recall came before plan")
    request = state.request
    past = await context.ports.history.report(request.tenant, request.recurrence_of)
    if past is None or not checkable(past):
        return {}
    said = await context.ports.history.feedback(request.tenant, lineage(past))
    if refuted(said):
        return await _distrusted(past, said, state.plan, context)
    deltas = await _check(past, state.plan, context)
    evidence = tuple(one for delta in deltas for one in delta["evidence"])
    findings = [finding_of(one) for one in evidence]
    proof = supporting(past, findings)
    holds = bool(proof) if past.causes else _all_normal(findings)
    note = f"{'Still holds' if holds else 'No longer holds'}: {past.headline}"
    recalled = _recalled(past, holds=holds, note=note)
    delta: RecallDelta = {
        "evidence": evidence,
        "costs": tuple(one for delta in deltas for one in delta["costs"]),
        "gathered": tuple(one for delta in deltas for one in delta["gathered"]),
        "pictures": tuple(one for delta in deltas for one in delta.get("pictures", ())),
        "recalled": recalled,
    }
    if holds:
        delta["ranked"] = _ranked(past, proof, evidence)
    return delta


async def _distrusted(past: Report, said: Sequence[Feedback], plan: Plan, context: RunContext) -> RecallDelta:
    """Acting on it did not help: it is not given again, whatever today's data look like, and the evidence says why."""
    words = f"people found that acting on it did not help (score {mean_score(said):.0f} of 100)"
    memory = _memory(past)
    refuted_memory = memory.model_copy(
        update={
            "statement": f"{memory.statement}; {words}",
            "data": {**memory.data, "score": mean_score(said), "of": 100, "answers": len(said)},
        }
    )
    told = await published((refuted_memory,), _order(plan), None, (), context)
    recalled = _recalled(past, holds=False, note=f"Not trusted, {words}: {past.headline}")
    return {"evidence": told["evidence"], "gathered": told["gathered"], "recalled": recalled}


def _recalled(past: Report, *, holds: bool, note: str) -> Recalled:
    return Recalled(
        investigation_id=past.investigation_id,
        answered_at=past.finished_at,
        still_holds=holds,
        verdict=past.verdict,
        note=note,
        next_steps=tuple(step.model_copy(update={"query": ""}) for step in past.next_steps),
    )


def _order(plan: Plan) -> GatherOrder:
    return GatherOrder(
        task=GatherTask(source=Source.KNOWLEDGE), window=plan.window, round=RECALL_ROUND, purpose="recall."
    )


async def _check(past: Report, plan: Plan, context: RunContext) -> list[GatherDelta]:
    """Read measurements, log lines and changes of the one service that decides."""
    services = services_to_check(past)
    agents = {Source.KPIS: gather_kpis, Source.LOGS: gather_logs, Source.CHANGES: gather_changes}
    base = _order(plan)
    memory = await published((_memory(past),), base, None, (), context)
    deltas = [memory]
    for source, agent in agents.items():
        task = GatherTask(source=source, services=services)
        deltas.append(await agent(base.model_copy(update={"task": task}), context))
    return deltas


def _memory(past: Report) -> Finding:
    day = past.finished_at.strftime("%Y-%m-%d %H:%M")
    cause = past.causes[0] if past.causes else None
    return Finding(
        source=Source.KNOWLEDGE,
        kind=FindingKind.PAST_INCIDENT,
        service=cause.service if cause else "",
        indicator=cause.indicator if cause else "",
        subject=f"{past.investigation_id}||recurrence",
        statement=f"The same alarm pattern was investigated on {day} (UTC): {past.headline}",
        data={"investigation_id": past.investigation_id, "finished_at": day, "verdict": past.verdict.value},
    )


def _all_normal(findings: Sequence[Finding]) -> bool:
    """Something was measured, and nothing of it is notable."""
    measured = [f for f in findings if f.source in {Source.KPIS, Source.LOGS} and f.kind not in ABSENT]
    return bool(measured) and all(f.score is None or f.score < 1.0 for f in measured)


def _ranked(past: Report, proof: Sequence[Finding], evidence: Sequence[Evidence]) -> RankedState:
    covered = sorted({Source(one.step) for one in evidence if FindingKind(one.kind) not in ABSENT})
    if not past.causes:
        return RankedState(covered=tuple(covered))
    cause, day = past.causes[0], past.finished_at.strftime("%Y-%m-%d %H:%M")
    proven = {finding_name(finding.subject) for finding in proof}
    against = [one for one in evidence if one.service == cause.service and accuses(one)]
    cited = sorted(against, key=lambda one: (one.finding not in proven, -(one.score or 0.0)))[:_CITED]
    memory = [one for one in evidence if one.step == Source.KNOWLEDGE]
    claim = Claim(
        service=cause.service,
        kind=CauseKind(cause.kind) if cause.kind in set(CauseKind) else CauseKind.UNKNOWN,
        indicator=cause.indicator,
        confidence=_NO_PAST_CONFIDENCE if cause.confidence is None else cause.confidence,
        statement=f"Same cause as on {day}, still holds: {proof[0].statement}",
        evidence_ids=tuple(one.event_id for one in (*cited, *memory)),
        author="memory",
    )
    ranked = Cause(
        service=claim.service,
        kind=claim.kind,
        indicator=claim.indicator,
        confidence=claim.confidence,
        score=proof[0].score or 0.0,
        statement=claim.statement,
        findings=tuple(finding.subject for finding in proof),
    )
    return RankedState(causes=(ranked,), abnormal=True, covered=tuple(covered), claims=(claim,))
