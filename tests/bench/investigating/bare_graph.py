"""The peer of an investigation: a LangGraph graph of the same nodes, edges and steps whose nodes do nothing."""

from __future__ import annotations

from operator import add
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

__all__ = ["NODES", "BareGraph"]

_ONE_BY_ONE = ("guard", "plan", "wait", "gather_topology", "rank", "verify", "summarise")
_AGENTS = ("gather_alarms", "gather_kpis", "gather_logs", "gather_changes", "gather_knowledge")
NODES = len(_ONE_BY_ONE) + len(_AGENTS)


class _State(TypedDict, total=False):
    done: Annotated[list[str], add]


class BareGraph:
    """Runs like an investigation that finds a cause at its first look, and is kept in the same checkpoints."""

    def __init__(self, saver: BaseCheckpointSaver[str]) -> None:
        self._graph: Any = _built().compile(checkpointer=saver, name="bare")

    @property
    def nodes(self) -> frozenset[str]:
        """The names of its nodes."""
        return frozenset((*_ONE_BY_ONE, *_AGENTS))

    async def run(self, thread: str) -> int:
        """Run to the end; returns how many nodes ran."""
        answer = await self._graph.ainvoke(
            {"done": []},
            {"configurable": {"thread_id": thread}, "recursion_limit": 100},
            durability="sync",
        )
        return len(answer["done"])


def _built() -> StateGraph[_State]:
    builder = StateGraph(_State)
    for name in _ONE_BY_ONE:
        builder.add_node(name, _doing_nothing(name))
    for agent in _AGENTS:
        builder.add_node(agent, _doing_nothing(agent))
        builder.add_edge(agent, "gather_topology")
    builder.add_edge(START, "guard")
    builder.add_conditional_edges("guard", lambda _: "plan", ["plan", END])
    builder.add_edge("plan", "wait")
    builder.add_conditional_edges("wait", _fan_out, list(_AGENTS))
    builder.add_edge("gather_topology", "rank")
    builder.add_edge("rank", "verify")
    builder.add_conditional_edges("verify", lambda _: "summarise", ["summarise", "plan"])
    builder.add_edge("summarise", END)
    return builder


def _doing_nothing(name: str) -> Any:
    async def node(state: _State) -> _State:
        del state
        return {"done": [name]}

    return node


def _fan_out(_: _State) -> list[Send]:
    return [Send(agent, {}) for agent in _AGENTS]
