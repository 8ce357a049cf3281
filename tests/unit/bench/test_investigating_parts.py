"""The peer of an investigation, and the data it is measured on."""

from __future__ import annotations

from langgraph.checkpoint.memory import InMemorySaver

from agents.investigation.graph import build_graph
from agents.investigation.settings import InvestigationSettings
from tests.bench.investigating.bare_graph import NODES, BareGraph
from tests.bench.investigating.shop_case import near_the_alarm
from tests.fakes.incident_data import bad_deploy


async def test_the_bare_graph_runs_every_node_of_an_investigation_without_memory_or_model() -> None:
    saver = InMemorySaver()
    graph = BareGraph(saver)
    assert await graph.run("a") == NODES
    ours = set(build_graph(InvestigationSettings()).nodes) - {"__start__", "recall", "inquire", "reconsider"}
    assert set(graph.nodes) == ours


async def test_the_bare_graph_is_kept_in_checkpoints() -> None:
    saver = InMemorySaver()
    await BareGraph(saver).run("a")
    kept = [one async for one in saver.alist({"configurable": {"thread_id": "a"}})]
    assert len(kept) > NODES - 5, "one a step; five steps go side by side"


def test_near_the_alarm_are_its_service_and_who_calls_it_or_is_called() -> None:
    data = near_the_alarm(bad_deploy())
    assert {one.service for one in data.kpis} == {"frontend", "checkout", "catalogue"}
    assert {one.service for one in data.logs} == {"frontend", "checkout", "catalogue"}
    assert data.window == bad_deploy().window
