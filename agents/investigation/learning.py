"""Who may call whom, learned where nobody has told: from recorded calls, else from latencies that move together.

What is learned is evidence of its own, marked as learned and with its certainty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents.analysis.calls import told_by_calls
from agents.analysis.comovement import analyse_comovement
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import Topology
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, fetched_or_unreachable, published
from agents.investigation.state import GatherTask, GraphState

__all__ = ["learned_from_latencies", "suspects", "told_of_calls"]

_MOST_SUSPECTS = 40


def told_of_calls(given: Topology, learned: Topology) -> tuple[Finding, ...]:
    """Return one finding that says so, where calls were learned from traces because no topology was given."""
    return () if given.calls or not learned.calls else (told_by_calls(learned),)


async def learned_from_latencies(
    order: GatherOrder, state: GraphState, context: RunContext
) -> tuple[tuple[Finding, ...], GatherDelta]:
    """Read the KPIs of those that look abnormal once more, and publish who among them seems to call whom.

    Where fewer than two do, or the KPIs cannot be read, nothing is: the KPI agent has told that already.
    """
    named = suspects(state)
    if len(named) < 2:
        return (), {}
    task = GatherTask(source=Source.KPIS, services=named)
    fetched = await fetched_or_unreachable(
        Source.KPIS, context.ports.windows.kpis, order.model_copy(update={"task": task}), context
    )
    if isinstance(fetched, Finding):
        return (), {}
    findings = await asyncio.to_thread(analyse_comovement, fetched.items, order.window.signal())
    cost = query_cost("topology.kpis", order.round, fetched, context)
    return findings, await published(findings, order, fetched, (cost,), context)


def suspects(state: GraphState) -> tuple[str, ...]:
    """Return the services that measured something notable, the alarmed one too, by name; the strongest, if many."""
    strongest: dict[str, float] = {}
    for one in state.current_evidence:
        if one.step == Source.KPIS and one.kind != FindingKind.NORMAL and (one.score or 0.0) >= 1.0:
            strongest[one.service] = max(strongest.get(one.service, 0.0), one.score or 0.0)
    most: Sequence[str] = sorted(strongest, key=lambda s: (-strongest[s], s))[:_MOST_SUSPECTS]
    return tuple(sorted({*most, state.alarm_service} - {""}))
