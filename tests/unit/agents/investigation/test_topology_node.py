from __future__ import annotations

from agents.analysis.findings import FindingKind
from agents.analysis.signals import Topology
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_topology import gather_topology, joined
from agents.investigation.state import (
    KnownTopology,
)
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    UnreachableWindows,
    context_for,
    state_for,
)
from tests.fakes.node_orders import order_for, planned

DATA = bad_deploy()


async def test_the_topology_agent_relates_what_the_others_found() -> None:
    context = context_for(DATA)
    kpis = await gather_kpis(order_for(context), context)
    state = state_for(
        context,
        plan=planned(context),
        topology=KnownTopology.of(DATA.topology),
        evidence=kpis["evidence"],
        gathered=kpis["gathered"],
    )

    delta = await gather_topology(state, context)

    related = {(one.kind, one.service) for one in delta["evidence"]}
    assert (FindingKind.UPSTREAM_ANOMALY, "cart") in related
    assert (FindingKind.SYMPTOM, "frontend") in related


async def test_the_relations_are_found_without_the_calls_too() -> None:
    context = context_for(DATA, windows=UnreachableWindows(DATA, {"calls": 9}))
    kpis = await gather_kpis(order_for(context), context)
    state = state_for(
        context,
        plan=planned(context),
        topology=KnownTopology.of(DATA.topology),
        evidence=kpis["evidence"],
        gathered=kpis["gathered"],
    )

    delta = await gather_topology(state, context)

    kinds = {one.kind for one in delta["evidence"]}
    assert {FindingKind.UNREACHABLE, FindingKind.SYMPTOM} <= kinds
    assert delta["topology"] == state.topology


def test_known_and_learned_topology_are_one_graph() -> None:
    both = joined(
        Topology(calls={"a": frozenset("b")}, nodes=frozenset("ab"), hosted_on={"a": "n"}),
        Topology(calls={"a": frozenset("c")}, nodes=frozenset("ac")),
    )

    assert both.calls == {"a": frozenset("bc")}
    assert both.nodes == frozenset("abc")
    assert both.hosted_on == {"a": "n"}
