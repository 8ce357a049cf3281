"""What to look at: the window, and one task for each source. Looking again means looking further back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypedDict

from agents.analysis.findings import Source
from agents.analysis.signals import Topology
from agents.investigation.advice import ask
from agents.investigation.clocks import with_clocks
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.nodes.wait import LANDING
from agents.investigation.prompts import known_names, planner_prompt
from agents.investigation.state import (
    GatherTask,
    GraphState,
    KnownTopology,
    LookWindow,
    Plan,
    first_alarm_at,
)
from agents.investigation.troubles import without_troubles
from agents.llm.outputs import PlannedTask
from agents.llm.roles import PLANNER
from agents.ports import BudgetLevel
from schemas.errors import UnavailableError
from schemas.events.investigation import RequestKind
from schemas.events.ledger import CostEntry

__all__ = ["PlanDelta", "first_window", "later", "merged", "nearest", "plan"]


class PlanDelta(TypedDict, total=False):
    plan: Plan
    topology: KnownTopology
    costs: tuple[CostEntry, ...]


_THRIFTY = frozenset({BudgetLevel.AGGRESSIVE, BudgetLevel.DETERMINISTIC})


async def plan(state: GraphState, context: RunContext) -> PlanDelta:
    """Plan the first look, or a second one further back. Asks for the topology once, and a model where it may."""
    settings = context.settings
    if state.plan is not None:
        window = state.plan.window.wider(settings.widening, settings.max_lead_s)
        again = Plan(window=window, tasks=_tasks(None), round=state.plan.round + 1, near=state.plan.near)
        return {"plan": again}
    window = first_window(context)
    if _told_late(window, context):
        window = later(window, await _told_at(context), context.request.observe_s)
    topology, costs = await _topology(window, context)
    around = nearest(state.request.incident.services, topology, settings.neighbourhood)
    window, asked = await without_troubles(window, sorted(around), context)
    window, clocks = await with_clocks(window, context)
    costs = (*costs, *asked, *clocks)
    tasks = _tasks(_scope(state, topology, settings.neighbourhood))
    if state.level is BudgetLevel.NORMAL:
        prompt = partial(planner_prompt, state.request, window, topology)
        advice = await ask(PLANNER, "plan", prompt, known_names(state.request, topology), context)
        costs = (*costs, *advice.costs)
        if advice.value is not None:
            window = _further_back(window, advice.value.tasks, settings.max_lead_s)
            tasks = merged((*tasks, *_known_tasks(advice.value.tasks, topology)))
    chosen = Plan(window=window, tasks=tasks, near=around[: settings.compared_services])
    return {"plan": chosen, "topology": topology, "costs": costs}


def first_window(context: RunContext) -> LookWindow:
    """Return the window of the first look: it ends `observe_s` after the first alarm."""
    settings, request = context.settings, context.request
    alarm_at = first_alarm_at(request)
    lead_s = settings.lead_s if request.lead_s is None else request.lead_s
    start = alarm_at - timedelta(seconds=lead_s)
    return LookWindow(
        baseline_start=start - timedelta(seconds=request.baseline_s or settings.baseline_s),
        start=start,
        end=alarm_at + timedelta(seconds=request.observe_s),
        alarm_at=alarm_at,
    )


def later(window: LookWindow, told_at: datetime, observe_s: float) -> LookWindow:
    """Return the window, ending `observe_s` after the alarm was told where the look would have been over before that.

    Either it was told late, or its clock is behind: then the fault is later than the alarm says. What is told more than
    the lead late is about the past: nobody's clock is that wrong for long, and what came of it has been looked at.
    """
    behind = told_at - window.alarm_at
    observe = timedelta(seconds=observe_s)
    if observe < behind <= window.alarm_at - window.start:
        return window.model_copy(update={"end": told_at + observe})
    return window


def merged(tasks: Iterable[GatherTask]) -> tuple[GatherTask, ...]:
    """Return one task a source, in order of first appearance: the same window of a source is read once."""
    wanted: dict[Source, list[GatherTask]] = {}
    for task in tasks:
        wanted.setdefault(task.source, []).append(task)
    return tuple(GatherTask(source=source, services=_union(group)) for source, group in wanted.items())


def nearest(services: Sequence[str], topology: KnownTopology, hops: int) -> tuple[str, ...]:
    """Return these services in their order, then those at most so many calls away from any of them, the nearest first."""
    beside: dict[str, set[str]] = {}
    for caller, called in topology.calls.items():
        for callee in called:
            beside.setdefault(caller, set()).add(callee)
            beside.setdefault(callee, set()).add(caller)
    reached = dict.fromkeys(services)
    frontier = set(services)
    for _ in range(hops):
        frontier = {other for service in frontier for other in beside.get(service, ())} - reached.keys()
        reached |= dict.fromkeys(sorted(frontier))
    return tuple(reached)


def _told_late(window: LookWindow, context: RunContext) -> bool:
    """Whether it may have been: who asks by hand may ask about any time."""
    return context.request.kind is not RequestKind.MANUAL and context.request.requested_at > window.end


async def _told_at(context: RunContext) -> datetime:
    """When the alarm was told, by the tenant's own time: in a replay that is behind the clock on the wall."""
    request = context.request
    try:
        landed = await context.ports.freshness.landed_until(request.tenant, LANDING)
    except UnavailableError:
        return request.requested_at
    reached = [one.event_time for one in landed.values() if one.event_time is not None]
    return min(request.requested_at, max(reached, default=request.requested_at))


def _union(tasks: Sequence[GatherTask]) -> tuple[str, ...] | None:
    if any(task.services is None for task in tasks):
        return None
    return tuple(sorted({service for task in tasks for service in task.services or ()}))


def _tasks(services: tuple[str, ...] | None) -> tuple[GatherTask, ...]:
    return tuple(GatherTask(source=source, services=services) for source in Source)


def _scope(state: GraphState, topology: KnownTopology, hops: int) -> tuple[str, ...] | None:
    """Everything, unless the budget is short and there is a topology to tell what is near."""
    if state.level not in _THRIFTY or not topology.calls:
        return None
    return tuple(sorted(nearest(state.request.incident.services, topology, hops)))


async def _topology(window: LookWindow, context: RunContext) -> tuple[KnownTopology, tuple[CostEntry, ...]]:
    """The topology as far as it is known; without one the investigation goes on, and `gather_topology` says so."""
    tenant, ports = context.request.tenant, context.ports
    try:
        fetched = await ports.windows.topology(tenant, None, window.baseline_start, window.end)
    except UnavailableError:
        return KnownTopology(), ()
    cost = query_cost("topology", 1, fetched, context)
    await ports.publisher.publish(cost)
    found = fetched.items[0] if fetched.items else Topology()
    return KnownTopology.of(found), (cost,)


def _known_tasks(planned: Sequence[PlannedTask], topology: KnownTopology) -> tuple[GatherTask, ...]:
    """The model's tasks, without services that nobody knows."""
    known = {*topology.nodes, *topology.calls, *(s for called in topology.calls.values() for s in called)}
    return tuple(
        GatherTask(
            source=Source(task.source),
            services=tuple(s for s in task.services if s in known) or None,
        )
        for task in planned
    )


def _further_back(window: LookWindow, planned: Sequence[PlannedTask], max_lead_s: float) -> LookWindow:
    """The baseline begins as early as any task wants; the incident window stays, so that normal stays normal."""
    asked = max((task.minutes_before * 60.0 for task in planned), default=0.0)
    earliest = window.alarm_at - timedelta(seconds=min(asked, max_lead_s + 1800.0))
    return window.model_copy(update={"baseline_start": min(window.baseline_start, earliest)})
