"""Causes from evidence: by code always, and by a model on top where one may be asked. Nothing of it is published yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypedDict

from agents.analysis.findings import Cause, CauseKind, FindingKind
from agents.analysis.fusion import Ranking, rank_causes
from agents.investigation.context import RunContext
from agents.investigation.evidence import finding_name, finding_of
from agents.investigation.reasoning import advised
from agents.investigation.state import UNKNOWN_SERVICE, Claim, GraphState, RankedState
from schemas.events.evidence import Evidence
from schemas.events.investigation import RequestKind
from schemas.events.ledger import CostEntry

__all__ = ["RankDelta", "claims_of", "rank"]

_KEPT_CAUSES = 200
_WORTH_SAYING = 0.01


class RankDelta(TypedDict, total=False):
    ranked: RankedState
    costs: tuple[CostEntry, ...]


async def rank(state: GraphState, context: RunContext) -> RankDelta:
    """Rank by statistics; then let a model claim what it makes of it."""
    evidence = state.current_evidence
    ranking = await asyncio.to_thread(
        rank_causes,
        [finding_of(one) for one in evidence],
        state.topology.signal(),
        state.alarm_service,
        state.alarm_indicator,
        context.ports.candidates,
        alarmed=state.request.kind is not RequestKind.MANUAL,
        also_alarmed=frozenset(state.request.incident.services) - {UNKNOWN_SERVICE},
    )
    own = claims_of(ranking.causes, evidence, context.settings.reported_causes)
    known = _ranked(ranking, own, state.ranked.wishes if state.ranked else 0)
    if not ranking.abnormal:
        return {"ranked": known}
    ranked, costs = await advised(known, state, context)
    return {"ranked": ranked, "costs": costs}


def claims_of(causes: Sequence[Cause], evidence: Sequence[Evidence], most: int) -> tuple[Claim, ...]:
    """Return the first causes that have any confidence to speak of as claims that cite evidence by id."""
    return tuple(
        Claim(
            service=cause.service,
            kind=cause.kind,
            indicator=cause.indicator,
            confidence=cause.confidence,
            statement=_statement(cause, evidence),
            evidence_ids=_cited(cause, evidence),
        )
        for cause in causes[:most]
        if cause.confidence >= _WORTH_SAYING
    )


def _statement(cause: Cause, evidence: Sequence[Evidence]) -> str:
    """The cause's own sentence, and the change before it where a change is what did it."""
    if cause.kind not in {CauseKind.DEPLOY, CauseKind.CONFIG}:
        return cause.statement
    cited = set(_cited(cause, evidence))
    changes = [o for o in evidence if o.event_id in cited and o.kind == FindingKind.RECENT_CHANGE]
    told = next((one.statement for one in changes if one.statement != cause.statement), "")
    return f"{cause.statement}; shortly before, {told}" if told else cause.statement


def _cited(cause: Cause, evidence: Sequence[Evidence]) -> tuple[str, ...]:
    """Ids of the findings the cause rests on. A subject is unique within its source: the service's own come first."""
    ids: list[str] = []
    for subject in cause.findings:
        named = [one for one in evidence if one.finding == finding_name(subject)]
        ids += [one.event_id for one in sorted(named, key=lambda one: one.service != cause.service)]
    return tuple(dict.fromkeys(ids))


def _ranked(ranking: Ranking, claims: tuple[Claim, ...], wishes: int) -> RankedState:
    return RankedState(
        causes=ranking.causes[:_KEPT_CAUSES],
        rulings=ranking.rulings,
        abnormal=ranking.abnormal,
        covered=tuple(sorted(source for source, had in ranking.coverage.items() if had)),
        indicators=ranking.indicators[:_KEPT_CAUSES],
        claims=claims,
        wishes=wishes,
    )
