"""Around every step: may it still run, how long did it take, and the word that it is done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from agents.investigation.context import RunContext
from schemas.errors import LeaseLostError
from schemas.events.investigation import InvestigationState, InvestigationStatus
from schemas.metrics import STEP_SECONDS

__all__ = ["PROGRESS", "CancelledRunError", "finished", "hold", "place", "status"]

PROGRESS = {
    "guard": 0.05,
    "plan": 0.1,
    "wait": 0.2,
    "recall": 0.3,
    "gather_alarms": 0.5,
    "gather_kpis": 0.5,
    "gather_logs": 0.5,
    "gather_changes": 0.5,
    "gather_knowledge": 0.5,
    "gather_topology": 0.65,
    "rank": 0.75,
    "inquire": 0.78,
    "reconsider": 0.8,
    "verify": 0.85,
    "summarise": 0.99,
}
"""How far an investigation is when the step is done."""


_BEFORE_LOOKING = frozenset({"guard", "plan", "wait"})


class CancelledRunError(Exception):
    """Somebody asked for the investigation to stop. Never leaves `run.investigate`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def hold(context: RunContext) -> None:
    """Return if the next step may run.

    Raises:
        LeaseLostError: another worker has the investigation.
        CancelledRunError: it shall not go on.
        UnavailableError: a port cannot say.
    """
    request, ports = context.request, context.ports
    if not await ports.lease.still_held():
        raise LeaseLostError(f"another worker holds {request.investigation_id}")
    reason = await ports.cancellation.reason(request.tenant, request.investigation_id)
    if reason:
        raise CancelledRunError(reason)


@asynccontextmanager
async def place(step: str, context: RunContext) -> AsyncIterator[None]:
    """Hold a place among the working steps; `wait` needs none, or the few that work would be those that wait.

    What comes after the wait is for investigations whose turn it is among their tenant's. An investigation that has to
    queue says so. Raises like `hold`.
    """
    if step not in _BEFORE_LOOKING:
        await _take_turn(step, context)
    gate = context.ports.gate
    if gate is None or step == "wait":
        yield
        return
    if step == "guard" and gate.full:
        await hold(context)
        told = status(InvestigationState.QUEUED, step, "waiting for its turn", context)
        await context.ports.publisher.publish(told)
    async with AsyncExitStack() as held:
        with context.ports.lease.idle():
            await held.enter_async_context(gate.place(context.request))
        yield


async def _take_turn(step: str, context: RunContext) -> None:
    if context.turn is None:
        return

    async def queued(position: int, limit: int) -> None:
        told = f"{position - 1} before it, {limit} of the tenant's investigations work at a time"
        await context.ports.publisher.publish(status(InvestigationState.QUEUED, step, told, context))

    with context.ports.lease.idle():
        await context.turn.take(queued)


async def finished(step: str, message: str, seconds: float, context: RunContext, look: int = 1) -> None:
    """Say that the step is done."""
    context.ports.recorder.observe(STEP_SECONDS, seconds, step=step)
    await context.ports.publisher.publish(status(InvestigationState.RUNNING, step, message, context, look))


def status(
    state: InvestigationState, step: str, message: str, context: RunContext, look: int = 1
) -> InvestigationStatus:
    """Return a status event as of now. The steps of a second look are told as `rank.2`: events of their own."""
    request = context.request
    return InvestigationStatus(
        tenant=request.tenant,
        occurred_at=context.ports.clock.now(),
        investigation_id=request.investigation_id,
        incident_id=request.incident.incident_id,
        state=state,
        step=f"{step}.{look}" if look > 1 else step,
        message=message,
        progress=1.0 if state is InvestigationState.COMPLETED else _progress(step, look),
        attempt=context.attempt,
        worker=context.worker,
    )


def _progress(step: str, look: int) -> float:
    """A second look comes after the first one's verdict, and never falls behind it."""
    done, begun = PROGRESS.get(step, 0.0), PROGRESS["verify"]
    return done if look == 1 else begun + (1.0 - begun) * done
