"""The topology agent: what it relates, and what it learns where nobody has told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from agents.analysis.findings import FindingKind
from agents.analysis.signals import CallStats, IncidentData, Topology
from agents.investigation.context import RunContext
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_topology import TopologyDelta, gather_topology, joined
from agents.investigation.state import GraphState, KnownTopology
from schemas.events.evidence import Evidence
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy
from tests.fakes.incident_ports import (
    UnreachableWindows,
    context_for,
    state_for,
)
from tests.fakes.node_orders import order_for, planned

DATA = bad_deploy()


async def measured_state(context: RunContext) -> GraphState:
    """The state once the metrics have been looked at."""
    kpis = await gather_kpis(order_for(context), context)
    return state_for(
        context,
        plan=planned(context),
        topology=KnownTopology.of(DATA.topology),
        evidence=kpis["evidence"],
        gathered=kpis["gathered"],
    )


async def test_the_topology_agent_relates_what_the_others_found() -> None:
    context = context_for(DATA)

    delta = await gather_topology(await measured_state(context), context)

    related = {(one.kind, one.service) for one in delta["evidence"]}
    assert (FindingKind.UPSTREAM_ANOMALY, "cart") in related
    assert (FindingKind.SYMPTOM, "frontend") in related


async def test_the_relations_are_found_without_the_calls_too() -> None:
    context = context_for(DATA, windows=UnreachableWindows(DATA, {"calls": 9}))
    state = await measured_state(context)

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


def together(data: IncidentData) -> IncidentData:
    """The same where nobody knows who calls whom, but the frontend's latency wanders as the cart's does."""
    walk = np.random.default_rng(3).normal(size=data.kpis[0].times.size)
    moved = {"cart": 40.0 + walk, "frontend": 90.0 + walk}
    fault = data.kpis[0].times >= data.window.alarm_at - 40.0
    kpis = tuple(
        replace(one, values=np.where(fault, 6.0, 1.0) * moved[one.service])
        if one.metric == "latency_p95" and one.service in moved
        else one
        for one in data.kpis
    )
    return replace(data, kpis=kpis, topology=Topology())


async def topology_of(data: IncidentData, calls: tuple[CallStats, ...] = (), **failing: int) -> TopologyDelta:
    data = replace(data, calls=calls)
    context = context_for(data, windows=UnreachableWindows(data, failing)) if failing else context_for(data)
    kpis = await gather_kpis(order_for(context_for(data)), context_for(data))
    state = state_for(context, plan=planned(context), evidence=kpis["evidence"], gathered=kpis["gathered"])
    return await gather_topology(state, context)


def kinds(delta: TopologyDelta) -> dict[str, Evidence]:
    return {one.kind: one for one in delta["evidence"]}


async def test_calls_nobody_told_of_are_learned_and_marked_so() -> None:
    delta = await topology_of(together(bad_deploy()))
    learned = kinds(delta)[FindingKind.LEARNED_CALL]
    assert (learned.service, json.loads(learned.data)["caller"]) == ("cart", "frontend")
    assert "learned, 50 % certain" in learned.statement
    assert learned.query == "-- kpis, from memory"
    assert kinds(delta)[FindingKind.SYMPTOM].statement.startswith("frontend moves with cart")
    assert [one.step for one in delta["costs"]] == ["topology.kpis", "topology.calls"]
    assert delta["topology"].calls == {}
    assert len(delta["gathered"]) == len(delta["evidence"])


async def test_what_is_given_is_not_learned() -> None:
    data = replace(together(bad_deploy()), topology=Topology(calls={"web": frozenset({"db"})}))
    context = context_for(data)
    kpis = await gather_kpis(order_for(context), context)
    known = KnownTopology.of(data.topology)
    state = state_for(
        context,
        plan=planned(context),
        topology=known,
        evidence=kpis["evidence"],
        gathered=kpis["gathered"],
    )
    delta = await gather_topology(state, context)
    assert FindingKind.LEARNED_CALL not in kinds(delta)
    assert [one.step for one in delta["costs"]] == ["topology.calls"]


async def test_recorded_calls_teach_for_certain() -> None:
    calls = (CallStats(ALARM_AT, "cart", "get", "frontend", 9.0, 1.0, 2.0),)
    delta = await topology_of(together(bad_deploy()), calls)
    learned = kinds(delta)[FindingKind.LEARNED_CALL]
    assert learned.statement == (
        "No topology was given: who calls whom was learned from recorded calls, 1 between 2 services"
    )
    assert json.loads(learned.data)["certainty"] == 1.0
    assert delta["topology"].calls == {"frontend": ("cart",)}
    assert [one.step for one in delta["costs"]] == ["topology.calls"]


async def test_where_nothing_is_abnormal_nobody_is_asked_again() -> None:
    delta = await topology_of(replace(healthy(), topology=Topology()))
    assert [one.step for one in delta["costs"]] == ["topology.calls"]
    assert kinds(delta).keys() == {FindingKind.NO_DATA}


async def test_kpis_that_cannot_be_read_teach_nothing() -> None:
    delta = await topology_of(together(bad_deploy()), kpis=9)
    assert FindingKind.LEARNED_CALL not in kinds(delta)
    assert [one.step for one in delta["costs"]] == ["topology.calls"]
