"""The model decides anew, on what it asked for; what the statistics concluded stays as it is."""

from __future__ import annotations

from typing import TypedDict

from agents.investigation.context import RunContext
from agents.investigation.reasoning import advised
from agents.investigation.state import GraphState, RankedState
from schemas.errors import IntegrityError
from schemas.events.ledger import CostEntry

__all__ = ["ReconsiderDelta", "reconsider"]


class ReconsiderDelta(TypedDict):
    ranked: RankedState
    costs: tuple[CostEntry, ...]


async def reconsider(state: GraphState, context: RunContext) -> ReconsiderDelta:
    """Ask the reasoner again."""
    if state.ranked is None:
        raise IntegrityError("reconsider came before rank")
    ranked, costs = await advised(state.ranked, state, context)
    return {"ranked": ranked, "costs": costs}
