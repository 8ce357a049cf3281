"""Who may call whom, learned where nobody has told: from recorded calls, else from error lines and from latencies.

What is learned is evidence of its own, marked as learned and with its certainty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents.analysis.calls import told_by_calls
from agents.analysis.comovement import analyse_comovement
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.named_callees import named_callees
from agents.analysis.signals import KpiSeries, Topology
from agents.investigation.clocks import right_kpis
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.evidence import finding_of
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, fetched_or_unreachable, published
from agents.investigation.state import GatherTask, GraphState
from agents.ports import Fetched
from schemas.events.ledger import CostEntry

__all__ = ["learned_ties", "suspects", "told_of_calls"]

_MOST_SUSPECTS = 40


def told_of_calls(given: Topology, learned: Topology) -> tuple[Finding, ...]:
    """Return one finding that says so, where calls were learned from traces because no topology was given."""
    return () if given.calls or not learned.calls else (told_by_calls(learned),)


async def learned_ties(
    order: GatherOrder, state: GraphState, context: RunContext
) -> tuple[tuple[Finding, ...], tuple[GatherDelta, ...]]:
    """Publish who seems to call whom: as error lines tell, and as latencies that move together do of all others."""
    named = named_callees([finding_of(one) for one in state.current_evidence])
    moving, fetched, costs = await _moving(order, state, context)
    told = {one.subject for one in named}
    others = tuple(one for one in moving if one.subject not in told)
    by_name = await published(named, order, None, (), context)
    return (*named, *others), (by_name, await published(others, order, fetched, costs, context))


async def _moving(
    order: GatherOrder, state: GraphState, context: RunContext
) -> tuple[tuple[Finding, ...], Fetched[KpiSeries] | None, tuple[CostEntry, ...]]:
    """Read the KPIs of those that look abnormal once more: who among them seems to call whom, and what that cost.

    Where fewer than two do, or the KPIs cannot be read, nobody does: the KPI agent has told that already.
    """
    named = suspects(state)
    if len(named) < 2:
        return (), None, ()
    task = GatherTask(source=Source.KPIS, services=named)
    read = right_kpis(context.ports.windows, order.window)
    again = order.model_copy(update={"task": task})
    fetched = await fetched_or_unreachable(Source.KPIS, read, again, context)
    if isinstance(fetched, Finding):
        return (), None, ()
    findings = await asyncio.to_thread(analyse_comovement, fetched.items, order.window.signal())
    return findings, fetched, (query_cost("topology.kpis", order.round, fetched, context),)


def suspects(state: GraphState) -> tuple[str, ...]:
    """Return the services that measured something notable, the alarmed one too, by name; the strongest, if many."""
    strongest: dict[str, float] = {}
    for one in state.current_evidence:
        if one.step == Source.KPIS and one.kind != FindingKind.NORMAL and (one.score or 0.0) >= 1.0:
            strongest[one.service] = max(strongest.get(one.service, 0.0), one.score or 0.0)
    most: Sequence[str] = sorted(strongest, key=lambda s: (-strongest[s], s))[:_MOST_SUSPECTS]
    return tuple(sorted({*most, state.alarm_service} - {""}))
