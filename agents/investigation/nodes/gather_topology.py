"""The topology agent: whose own share of the latency grew, and which anomalous services explain which.

It comes after the others, because it relates what they found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from agents.analysis.call_failures import analyse_failures
from agents.analysis.calls import analyse_calls, learned_topology
from agents.analysis.findings import Finding, Source
from agents.analysis.signals import CallStats, Topology
from agents.analysis.topology import analyse_topology
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.evidence import finding_of
from agents.investigation.learning import learned_ties, told_of_calls
from agents.investigation.nodes.gathering import (
    GatherDelta,
    GatherOrder,
    fetched_or_unreachable,
    known_of,
    published,
)
from agents.investigation.state import GatherTask, GraphState, KnownTopology
from agents.ports import Fetched
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
    """Read the calls, learn who calls whom where that is not known, and relate all findings of this round."""
    if state.plan is None:
        raise IntegrityError("gather_topology came before plan")
    task = state.plan.task(Source.TOPOLOGY) or GatherTask(source=Source.TOPOLOGY)
    order = GatherOrder(
        task=task,
        window=state.plan.window,
        round=state.plan.round,
        known=known_of(state.evidence),
    )
    calls = await _calls(order, state.topology.signal(), context)
    guessed, learning = ((), ()) if calls.topology.calls else await learned_ties(order, state, context)
    others = [*map(finding_of, state.current_evidence), *calls.findings, *guessed]
    related = await asyncio.to_thread(
        analyse_topology, others, calls.topology, state.alarm_service, context.ports.candidates
    )
    found = await published([*calls.findings, *related], order, calls.fetched, calls.costs, context)
    return _delta([*learning, found], KnownTopology.of(calls.topology))


@dataclass(frozen=True, slots=True)
class _Calls:
    """What recorded calls tell, and all calls that are known with them."""

    findings: tuple[Finding, ...]
    topology: Topology
    fetched: Fetched[CallStats] | None = None
    costs: tuple[CostEntry, ...] = ()


async def _calls(order: GatherOrder, given: Topology, context: RunContext) -> _Calls:
    fetched = await fetched_or_unreachable(Source.TOPOLOGY, context.ports.windows.calls, order, context)
    if isinstance(fetched, Finding):
        return _Calls((fetched,), given)
    cost = query_cost("topology.calls", order.round, fetched, context)
    learned = await asyncio.to_thread(learned_topology, fetched.items)
    slow = await asyncio.to_thread(analyse_calls, fetched.items, order.window.signal())
    failing = await asyncio.to_thread(analyse_failures, fetched.items, order.window.signal())
    told = (*slow, *failing, *told_of_calls(given, learned))
    return _Calls(told, joined(given, learned), fetched, (cost,))


def joined(known: Topology, learned: Topology) -> Topology:
    """Return both graphs as one."""
    callers = {*known.calls, *learned.calls}
    return Topology(
        calls={c: known.calls.get(c, frozenset()) | learned.calls.get(c, frozenset()) for c in callers},
        nodes=known.nodes | learned.nodes,
        hosted_on=known.hosted_on,
        instance_of=known.instance_of,
    )


def _delta(found: Sequence[GatherDelta], topology: KnownTopology) -> TopologyDelta:
    return {
        "evidence": tuple(one for delta in found for one in delta.get("evidence", ())),
        "costs": tuple(one for delta in found for one in delta.get("costs", ())),
        "gathered": tuple(one for delta in found for one in delta.get("gathered", ())),
        "topology": topology,
    }
