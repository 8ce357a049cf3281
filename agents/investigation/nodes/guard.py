"""May this investigation be made at all: is the request sound, and do its tenant's limits and budget allow it?"""

from __future__ import annotations

from typing import TypedDict, assert_never

from agents.investigation.context import RunContext
from agents.investigation.state import GraphState, Refusal
from agents.ports import Admitted, BudgetLevel, Denied
from schemas.events.investigation import InvestigationRequested, RequestKind
from schemas.events.ledger import Audit

__all__ = ["GuardDelta", "guard"]


class GuardDelta(TypedDict, total=False):
    level: BudgetLevel
    refusal: Refusal


async def guard(state: GraphState, context: RunContext) -> GuardDelta:
    """Admit or refuse, and put it on record either way."""
    flaw = _flaw(state.request)
    if flaw:
        return await _refuse(Refusal(reason=flaw), context)
    answer = await context.ports.admission.admit(state.request)
    match answer:
        case Admitted(level):
            await context.ports.publisher.publish(_audit(True, f"budget level {level}", context))
            return {"level": level}
        case Denied(reason, until):
            return await _refuse(Refusal(reason=reason, until=until), context)
        case _:
            assert_never(answer)


async def _refuse(refusal: Refusal, context: RunContext) -> GuardDelta:
    await context.ports.publisher.publish(_audit(False, refusal.reason, context))
    return {"refusal": refusal}


def _flaw(request: InvestigationRequested) -> str:
    """Say what is wrong with the request itself; empty if nothing."""
    if request.kind is RequestKind.CANCEL:
        return "a cancellation is not a request to investigate"
    if request.incident.tenant != request.tenant:
        return "the incident belongs to another tenant than the request"
    if request.event_id != request.derive_id():
        return "the request's id does not follow from its content"
    if not request.incident.alarms and not request.incident.services:
        return "the incident names neither an alarm nor a service"
    return ""


def _audit(allowed: bool, reason: str, context: RunContext) -> Audit:
    request = context.request
    return Audit(
        tenant=request.tenant,
        # Not the time of the run: a run that begins again is the same decision.
        occurred_at=request.requested_at,
        principal=request.policy,
        action="investigation.admit" if allowed else "investigation.refuse",
        resource=request.investigation_id,
        allowed=allowed,
        reason=reason,
    )
