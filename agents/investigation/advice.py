"""Asking a model: one question a step, every attempt in the ledger, and never an exception for want of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never

from pydantic import BaseModel

from agents.investigation.context import RunContext
from agents.investigation.costs import attempt_cost
from agents.llm.gateway import Call
from agents.llm.ledger import InMemoryLedger
from agents.llm.outcomes import Answered, Deterministic, Outcome, Refused
from agents.llm.roles import Role
from agents.ports import BudgetLevel
from schemas.events.ledger import CostEntry

__all__ = ["Advice", "ask"]

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Advice(Generic[T]):
    """What a model answered, unchecked; `value` None says that there is no answer, and `why_not` why."""

    value: T | None = None
    model: str = ""
    why_not: str = ""
    costs: tuple[CostEntry, ...] = ()


async def ask(
    role: Role[T], step: str, prompt: Callable[[], str], keep: Iterable[str], context: RunContext
) -> Advice[T]:
    """Ask, publish what it cost, and return the answer.

    Without a gateway, or a budget for it, nothing is asked and the prompt is not made; where the budget is short, the cheapest
    provider is asked first.
    """
    way = await context.gateway()
    if way is None:
        return Advice(why_not="no model may be asked")
    gateway, level = way
    request, ledger = context.request, InMemoryLedger()
    call = Call(
        investigation_id=request.investigation_id,
        step=step,
        role=role,
        prompt=prompt(),
        scopes=(f"tenant:{request.tenant}", f"investigation:{request.investigation_id}"),
        keep=frozenset(keep),
        cheapest_first=level is BudgetLevel.AGGRESSIVE,
    )
    try:
        outcome = await gateway.ask(call, ledger)
    finally:
        # A cancelled call may have cost money all the same.
        costs = tuple(attempt_cost(attempt, context) for attempt in ledger.attempts)
        await context.ports.publisher.publish(*costs)
    return _advice(outcome, costs)


def _advice(outcome: Outcome[T], costs: tuple[CostEntry, ...]) -> Advice[T]:
    match outcome:
        case Answered():
            return Advice(outcome.value, outcome.model, costs=costs)
        case Refused():
            return Advice(why_not=outcome.reason, costs=costs)
        case Deterministic():
            return Advice(why_not=outcome.reason.value, costs=costs)
        case _:
            assert_never(outcome)
