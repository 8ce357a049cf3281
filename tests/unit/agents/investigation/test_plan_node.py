from __future__ import annotations

from dataclasses import replace

from agents.analysis.findings import Source
from agents.analysis.signals import Topology
from agents.investigation.nodes.plan import merged, nearest, plan
from agents.investigation.state import (
    GatherTask,
    KnownTopology,
)
from agents.ports import BudgetLevel
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    UnreachableWindows,
    collected,
    context_for,
    state_for,
)
from tests.fakes.node_orders import WINDOW_END, planned

DATA = bad_deploy()


async def test_the_first_look_reads_every_source_of_every_service_once() -> None:
    context = context_for(DATA)

    delta = await plan(state_for(context), context)

    assert [task.source for task in delta["plan"].tasks] == list(Source)
    assert {task.services for task in delta["plan"].tasks} == {None}
    assert delta["plan"].window.end == WINDOW_END
    assert delta["topology"].calls["frontend"] == ("catalogue", "checkout")
    assert delta["costs"] == tuple(collected(context))


async def test_a_short_budget_stays_near_the_alarm() -> None:
    calls = {**DATA.topology.calls, "batch": frozenset({"warehouse"})}
    data = replace(DATA, topology=Topology(calls=calls))
    context = context_for(data)

    delta = await plan(state_for(context, level=BudgetLevel.AGGRESSIVE), context)

    services = delta["plan"].tasks[0].services
    assert services is not None
    assert "cart" in services
    assert "warehouse" not in services


async def test_the_second_look_reaches_further_back_and_costs_no_topology() -> None:
    context = context_for(DATA)
    first = planned(context)

    delta = await plan(state_for(context, plan=first), context)

    again = delta["plan"]
    assert again.round == 2
    assert again.window.start < first.window.start
    assert again.window.baseline_start < first.window.baseline_start
    assert again.window.end == first.window.end
    assert collected(context) == []


async def test_without_a_topology_the_plan_stands() -> None:
    context = context_for(DATA, windows=UnreachableWindows(DATA, {"topology": 9}))

    delta = await plan(state_for(context, level=BudgetLevel.AGGRESSIVE), context)

    assert delta["topology"] == KnownTopology()
    assert delta["plan"].tasks[0].services is None


def test_tasks_over_one_source_are_merged() -> None:
    tasks = [
        GatherTask(source=Source.LOGS, services=("b", "a")),
        GatherTask(source=Source.KPIS),
        GatherTask(source=Source.LOGS, services=("c",)),
        GatherTask(source=Source.KPIS, services=("a",)),
    ]

    assert merged(tasks) == (
        GatherTask(source=Source.LOGS, services=("a", "b", "c")),
        GatherTask(source=Source.KPIS, services=None),
    )


def test_near_goes_both_ways_along_the_calls() -> None:
    topology = KnownTopology(calls={"a": ("b",), "b": ("c",), "c": ("d",), "x": ("b",)})

    assert nearest(["b"], topology, 1) == ("b", "a", "c", "x")
    assert nearest(["d"], topology, 2) == ("d", "c", "b")
