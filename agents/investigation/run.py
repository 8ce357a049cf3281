"""One investigation from request to outcome. The only module that calls the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import StateSnapshot
from langsmith.run_helpers import tracing_context

from agents.investigation.context import InvestigationPorts, RunContext
from agents.investigation.graph import InvestigationGraph, build_graph
from agents.investigation.outcomes import Cancelled, InvestigationOutcome, Postponed, Refused, Reported
from agents.investigation.settings import InvestigationSettings
from agents.investigation.state import GraphState, RankedState
from agents.investigation.stepping import CancelledRunError, status
from agents.investigation.turn import Turn
from schemas.errors import IntegrityError, InvalidRequestError
from schemas.events.investigation import InvestigationRequested, InvestigationState, InvestigationStatus
from schemas.events.report import Report
from schemas.metrics import ACTIVE_INVESTIGATIONS, INVESTIGATION_SECONDS, INVESTIGATIONS

__all__ = ["Investigations"]

_STEPS_LIMIT = 100


class Investigations:
    """Runs investigations over one compiled graph; any number at a time, each id once at a time (the lease sees to it)."""

    def __init__(
        self, settings: InvestigationSettings, checkpointer: BaseCheckpointSaver[str] | None = None
    ) -> None:
        self._graph: InvestigationGraph = build_graph(settings, checkpointer)
        self._saver = checkpointer
        self._active = 0

    async def investigate(
        self,
        request: InvestigationRequested,
        ports: InvestigationPorts,
        *,
        attempt: int = 1,
        worker: str = "",
    ) -> InvestigationOutcome:
        """Investigate, or go on where a lost worker stopped. Ends when the outcome is published.

        Tells by status events that it goes on, its progress and its end. Called again after the end it tells that end
        again, by the same event, and returns the same report; an investigation that was refused, postponed
        or cancelled starts anew.

        Raises:
            LeaseLostError: another worker has it now; nothing was published since it was lost.
            RetryableError: a port failed beyond its retries; calling again goes on from the last step.
            TerminalError: a defect, or a port's own refusal; calling again will not help.
        """
        config: RunnableConfig = {"configurable": {"thread_id": request.investigation_id}}
        snapshot = await self._snapshot(config)
        context = _context(request, ports, snapshot, attempt, worker)
        if snapshot is not None and not snapshot.next:
            return await _told_again(snapshot, context)
        self._gauge(ports, 1)
        try:
            return await self._run(snapshot, context, config)
        except CancelledRunError as cancelled:
            return await self._cancelled(cancelled.reason, context)
        finally:
            self._gauge(ports, -1)
            if context.turn is not None:
                await context.turn.give_back()

    async def _snapshot(self, config: RunnableConfig) -> StateSnapshot | None:
        """What an earlier attempt left, or None. An end without a report is forgotten."""
        if self._saver is None:
            return None
        snapshot = await self._graph.aget_state(config)
        if not snapshot.values:
            return None
        if not snapshot.next and snapshot.values.get("report") is None:
            await self._saver.adelete_thread(config["configurable"]["thread_id"])
            return None
        return snapshot

    async def _run(
        self, snapshot: StateSnapshot | None, context: RunContext, config: RunnableConfig
    ) -> InvestigationOutcome:
        resumed = snapshot is not None
        if resumed or context.attempt > 1:
            await context.ports.publisher.publish(_resumed(context, snapshot))
        begin = None if resumed else GraphState(request=context.request, started_at=context.started_at)
        # What is investigated goes to nobody's trace collector, whatever the environment turns on.
        with tracing_context(enabled=False):
            answer: dict[str, Any] = await self._graph.ainvoke(
                begin,
                {**config, "recursion_limit": _STEPS_LIMIT, "metadata": {"attempt": context.attempt}},
                context=context,
                durability="sync" if self._saver is not None else None,
            )
        return await _outcome(GraphState.model_validate(answer), context)

    async def _cancelled(self, reason: str, context: RunContext) -> Cancelled:
        await context.ports.publisher.publish(status(InvestigationState.CANCELLED, "", reason, context))
        context.ports.recorder.count(INVESTIGATIONS, verdict="cancelled")
        if self._saver is not None:
            await self._saver.adelete_thread(context.request.investigation_id)
        return Cancelled(reason)

    def _gauge(self, ports: InvestigationPorts, change: int) -> None:
        self._active += change
        ports.recorder.gauge(ACTIVE_INVESTIGATIONS, self._active)


async def _told_again(snapshot: StateSnapshot, context: RunContext) -> Reported:
    """Tell the end as the attempt that came to it did, or would have: its worker may have died before it could."""
    state = GraphState.model_validate(snapshot.values)
    if state.report is None:
        raise IntegrityError("an ended investigation has no report")
    await _tell_completed(state.report, replace(context, attempt=_attempt_of(snapshot)))
    return Reported(state.report, state.ranked or RankedState())


def _context(
    request: InvestigationRequested,
    ports: InvestigationPorts,
    snapshot: StateSnapshot | None,
    attempt: int,
    worker: str,
) -> RunContext:
    """The run's context; that of a resumed run has the first one's request and start."""
    turn = None if ports.turns is None else Turn(ports.turns, request)
    if snapshot is None:
        return RunContext(ports, request, ports.clock.now(), attempt, worker, turn)
    before = GraphState.model_validate(snapshot.values)
    if before.request.incident.incident_id != request.incident.incident_id:
        raise InvalidRequestError(
            f"{request.investigation_id} was begun for another incident",
            cure="Give the investigation an id of its own.",
        )
    again = max(attempt, _attempt_of(snapshot) + 1)
    return RunContext(ports, before.request, before.started_at, again, worker, turn)


def _attempt_of(snapshot: StateSnapshot) -> int:
    """Which attempt made it."""
    attempt = (snapshot.metadata or {}).get("attempt", 1)
    return attempt if isinstance(attempt, int) else 1


def _resumed(context: RunContext, snapshot: StateSnapshot | None) -> InvestigationStatus:
    where = f"before {', '.join(sorted(set(snapshot.next)))}" if snapshot else "from the beginning"
    return status(InvestigationState.RESUMED, "", f"taken up again {where}", context)


async def _tell_completed(report: Report, context: RunContext) -> None:
    told = status(InvestigationState.COMPLETED, "", report.headline, context)
    await context.ports.publisher.publish(told)


async def _outcome(state: GraphState, context: RunContext) -> InvestigationOutcome:
    """Publish the last status and say how it ended."""
    recorder, publisher = context.ports.recorder, context.ports.publisher
    if state.report is not None:
        verdict = state.report.verdict.value
        await _tell_completed(state.report, context)
        recorder.count(INVESTIGATIONS, verdict=verdict)
        elapsed = context.ports.clock.now() - context.request.requested_at
        recorder.observe(INVESTIGATION_SECONDS, max(elapsed.total_seconds(), 0.0))
        return Reported(state.report, state.ranked or RankedState())
    if state.refusal is None:
        raise IntegrityError("an investigation ended without a report or a refusal")
    until = state.refusal.until
    kind = InvestigationState.REFUSED if until is None else InvestigationState.DEFERRED
    await publisher.publish(status(kind, "", state.refusal.reason, context))
    recorder.count(INVESTIGATIONS, verdict=kind.value)
    return Refused(state.refusal.reason) if until is None else Postponed(state.refusal.reason, until)
