"""What a model asked for, answered: each answer is evidence, published with its query."""

from __future__ import annotations

from typing import TypedDict

from agents.investigation.context import RunContext
from agents.investigation.inquiries.answers import answer
from agents.investigation.inquiries.asking import Inquiring
from agents.investigation.state import GraphState, RankedState, marks
from schemas.errors import IntegrityError
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry

__all__ = ["InquireDelta", "inquire"]


class InquireDelta(TypedDict):
    evidence: tuple[Evidence, ...]
    costs: tuple[CostEntry, ...]
    gathered: tuple[str, ...]
    inquiring: Inquiring
    ranked: RankedState


async def inquire(state: GraphState, context: RunContext) -> InquireDelta:
    """Put the queries that were accepted, one after the other. A second run of the step asks and says the same."""
    if state.ranked is None or state.plan is None:
        raise IntegrityError("inquire came before rank")
    queries, before = state.ranked.queries, len(state.inquiring.asked)
    answers = [
        await answer(query, number, state, context) for number, query in enumerate(queries, start=before + 1)
    ]
    evidence = tuple(one.evidence for one in answers)
    costs = tuple(one.cost for one in answers if one.cost is not None)
    await context.ports.publisher.publish(*costs, *evidence)
    return {
        "evidence": evidence,
        "costs": costs,
        "gathered": marks(state.plan.round, evidence),
        "inquiring": state.inquiring.after(queries, empty=all(one.empty for one in answers)),
        "ranked": state.ranked.model_copy(update={"queries": ()}),
    }
