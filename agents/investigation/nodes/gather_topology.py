"""The topology agent: whose own share of the latency grew, and which anomalous services explain which.

It comes after the others, because it relates what they found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypedDict

from agents.analysis.calls import analyse_calls, learned_topology
from agents.analysis.findings import Finding, Source
from agents.analysis.signals import Topology
from agents.analysis.topology import analyse_topology
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.evidence import finding_of
from agents.investigation.nodes.gathering import (
    GatherDelta,
    GatherOrder,
    fetched_or_unreachable,
    known_of,
    published,
)
from agents.investigation.state import GatherTask, GraphState, KnownTopology
from schemas.errors import IntegrityError
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry

__all__ = ["TopologyDelta", "gather_topology", "joined"]


class TopologyDelta(TypedDict):
    evidence: tuple[Evidence, ...]
    costs: tuple[CostEntry, ...]
    gathered: tuple[str, ...]
    topology: KnownTopology


async def gather_topology(state: GraphState, context: RunContext) -> TopologyDelta:
    """Read the calls, learn from them who calls whom, and relate all findings of this round."""
    if state.plan is None:
        raise IntegrityError("gather_topology came before plan")
    task = state.plan.task(Source.TOPOLOGY) or GatherTask(source=Source.TOPOLOGY)
    order = GatherOrder(
        task=task,
        window=state.plan.window,
        round=state.plan.round,
        known=known_of(state.evidence),
    )
    fetched = await fetched_or_unreachable(Source.TOPOLOGY, context.ports.windows.calls, order, context)
    others = [finding_of(one) for one in state.current_evidence]
    if isinstance(fetched, Finding):
        related = await _related(others, state.topology.signal(), state, context)
        return _delta(await published([fetched, *related], order, None, (), context), state.topology)
    cost = query_cost("topology.calls", order.round, fetched, context)
    learned = await asyncio.to_thread(learned_topology, fetched.items)
    topology = joined(state.topology.signal(), learned)
    slow = await asyncio.to_thread(analyse_calls, fetched.items, order.window.signal())
    findings = [*slow, *await _related([*others, *slow], topology, state, context)]
    delta = await published(findings, order, fetched, (cost,), context)
    return _delta(delta, KnownTopology.of(topology))


def joined(known: Topology, learned: Topology) -> Topology:
    """Return both graphs as one."""
    callers = {*known.calls, *learned.calls}
    return Topology(
        calls={c: known.calls.get(c, frozenset()) | learned.calls.get(c, frozenset()) for c in callers},
        nodes=known.nodes | learned.nodes,
        hosted_on=known.hosted_on,
        instance_of=known.instance_of,
    )


async def _related(
    findings: Sequence[Finding], topology: Topology, state: GraphState, context: RunContext
) -> tuple[Finding, ...]:
    return await asyncio.to_thread(
        analyse_topology, findings, topology, state.alarm_service, context.ports.candidates
    )


def _delta(found: GatherDelta, topology: KnownTopology) -> TopologyDelta:
    return {
        "evidence": found["evidence"],
        "costs": found["costs"],
        "gathered": found["gathered"],
        "topology": topology,
    }
