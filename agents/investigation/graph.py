"""The graph: which step follows which, and what stands around each. The only module that knows LangGraph's builder.

guard ─► plan ─► wait ─┬─► gather_{alarms,kpis,logs,changes,knowledge} ─► gather_topology ─► rank ─► verify ─► summarise
           ▲           └─► recall ─┬─► (still holds) ──────────────────────────────────────► verify
           │                       └─► (else) gather ...                                        │
           └──────────────────────── look again, at most N times ◄──────────────────────────────┘

Where a model asks for more before it decides: rank ─► inquire ─► reconsider ─┬─► verify, and back to inquire at most N times.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeAlias, TypeVar

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy, Send
from pydantic import BaseModel

from agents.analysis.findings import Source
from agents.investigation.context import RunContext
from agents.investigation.inquiries.asking import Inquiring
from agents.investigation.nodes.gather_alarms import gather_alarms
from agents.investigation.nodes.gather_changes import gather_changes
from agents.investigation.nodes.gather_knowledge import gather_knowledge
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_logs import gather_logs
from agents.investigation.nodes.gather_topology import gather_topology
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, known_of
from agents.investigation.nodes.guard import guard
from agents.investigation.nodes.inquire import inquire
from agents.investigation.nodes.plan import plan
from agents.investigation.nodes.rank import rank
from agents.investigation.nodes.recall import recall
from agents.investigation.nodes.reconsider import reconsider
from agents.investigation.nodes.summarise import summarise
from agents.investigation.nodes.verify import verify
from agents.investigation.nodes.wait import wait
from agents.investigation.settings import InvestigationSettings
from agents.investigation.state import GraphState
from agents.investigation.stepping import finished, hold, place
from schemas.errors import LeaseLostError, RetryableError
from schemas.events.investigation import RequestKind
from schemas.pages.words import many as counted

__all__ = ["InvestigationGraph", "build_graph"]

InvestigationGraph: TypeAlias = CompiledStateGraph[GraphState, RunContext, GraphState, GraphState]

InputT = TypeVar("InputT", bound=BaseModel)
InputT_contra = TypeVar("InputT_contra", bound=BaseModel, contravariant=True)
_Node: TypeAlias = Callable[[InputT, RunContext], Awaitable[Mapping[str, Any]]]


class _Step(Protocol[InputT_contra]):
    """A node as LangGraph calls it."""

    async def __call__(self, state: InputT_contra, *, runtime: Runtime[RunContext]) -> Mapping[str, Any]: ...


_AGENTS: Mapping[Source, Callable[[GatherOrder, RunContext], Awaitable[GatherDelta]]] = {
    Source.ALARMS: gather_alarms,
    Source.KPIS: gather_kpis,
    Source.LOGS: gather_logs,
    Source.CHANGES: gather_changes,
    Source.KNOWLEDGE: gather_knowledge,
}
"""The agents that work side by side; the topology agent relates what they found."""

_STEPS: Mapping[str, _Node[GraphState]] = {
    "guard": guard,
    "plan": plan,
    "wait": wait,
    "recall": recall,
    "gather_topology": gather_topology,
    "rank": rank,
    "inquire": inquire,
    "reconsider": reconsider,
    "verify": verify,
    "summarise": summarise,
}


def build_graph(
    settings: InvestigationSettings, checkpointer: BaseCheckpointSaver[str] | None = None
) -> InvestigationGraph:
    """Return the compiled graph. One serves all investigations of a process; without a checkpointer nothing survives it."""
    builder = StateGraph(GraphState, context_schema=RunContext)
    retry = _retry(settings)
    for name, step in _STEPS.items():
        builder.add_node(name, _around(name, step, settings.fetch_attempts), retry_policy=retry)
    for source, agent in _AGENTS.items():
        name = f"gather_{source}"
        builder.add_node(
            name, _around(name, agent, settings.fetch_attempts), input_schema=GatherOrder, retry_policy=retry
        )
        builder.add_edge(name, "gather_topology")
    builder.add_edge(START, "guard")
    builder.add_conditional_edges("guard", _admitted, ["plan", END])
    builder.add_edge("plan", "wait")
    agents = [f"gather_{source}" for source in _AGENTS]
    builder.add_conditional_edges("wait", _remembered, ["recall", *agents, "gather_topology"])
    builder.add_conditional_edges("recall", _still_holds, ["verify", *agents, "gather_topology"])
    builder.add_edge("gather_topology", "rank")
    builder.add_conditional_edges("rank", _decided, ["verify", "inquire"])
    builder.add_edge("inquire", "reconsider")
    builder.add_conditional_edges("reconsider", _decided, ["verify", "inquire"])
    builder.add_conditional_edges("verify", _enough, ["summarise", "plan"])
    builder.add_edge("summarise", END)
    return builder.compile(checkpointer=checkpointer, name="investigation")


def _around(name: str, node: _Node[InputT], tries: int) -> _Step[InputT]:
    """Put around a node what every step has: may it run, is this its last try, how long did it take, the word that it is done."""

    async def step(state: InputT, *, runtime: Runtime[RunContext]) -> Mapping[str, Any]:
        attempt = runtime.execution_info.node_attempt if runtime.execution_info else tries
        context = replace(runtime.context, last_try=attempt >= tries)
        async with place(name, context):
            await hold(context)
            clock = context.ports.clock
            begun = clock.monotonic()
            delta = await node(state, context)
            look = _turn(state, delta) if name in _TURNS else _look(state, delta)
            await finished(name, _told(delta), clock.monotonic() - begun, context, look)
            return delta

    return step


def _look(state: BaseModel, delta: Mapping[str, Any]) -> int:
    """Which look the step belongs to: 1, and one more each time the investigation looks again."""
    match state:
        case GatherOrder(round=number):
            return max(number, 1)
        case GraphState(plan=known):
            plan_now = delta.get("plan") or known
            return plan_now.round if plan_now else 1
        case _:
            return 1


_TURNS = frozenset({"inquire", "reconsider"})


def _turn(state: BaseModel, delta: Mapping[str, Any]) -> int:
    """Which of the model's turns the step belongs to: they are counted over all looks."""
    before = state.inquiring if isinstance(state, GraphState) else Inquiring()
    now: Inquiring = delta.get("inquiring", before)
    return max(now.turns, 1)


def _told(delta: Mapping[str, Any]) -> str:
    """What the step came to, in a few words."""
    if gathered := delta.get("gathered"):
        many, new = len(gathered), len(delta["evidence"])
        known = "" if many == new else f", {new} of them new or changed"
        return f"{counted(many, 'finding')}{known}"
    if conclusion := delta.get("conclusion"):
        return str(conclusion.verdict)
    if refusal := delta.get("refusal"):
        return str(refusal.reason)
    return ""


def _retry(settings: InvestigationSettings) -> RetryPolicy:
    return RetryPolicy(
        initial_interval=settings.fetch_backoff_s,
        max_attempts=settings.fetch_attempts,
        retry_on=lambda error: isinstance(error, RetryableError) and not isinstance(error, LeaseLostError),
    )


def _admitted(state: GraphState) -> str:
    return END if state.refusal else "plan"


def _remembered(state: GraphState) -> str | list[Send]:
    first_look = state.plan is None or state.plan.round == 1
    if state.request.kind is RequestKind.RECURRENCE and state.request.recurrence_of and first_look:
        return "recall"
    return _fan_out(state)


def _still_holds(state: GraphState) -> str | list[Send]:
    return "verify" if state.from_memory else _fan_out(state)


def _fan_out(state: GraphState) -> str | list[Send]:
    """One order for each planned source that has an agent of its own."""
    if state.plan is None:
        return "gather_topology"
    orders = [
        Send(
            f"gather_{task.source}",
            GatherOrder(
                task=task,
                window=state.plan.window,
                round=state.plan.round,
                near=state.plan.near,
                known=known_of(one for one in state.evidence if one.step == task.source),
            ),
        )
        for task in state.plan.tasks
        if task.source in _AGENTS
    ]
    return orders or "gather_topology"


def _decided(state: GraphState) -> str:
    return "inquire" if state.ranked is not None and state.ranked.queries else "verify"


def _enough(state: GraphState) -> str:
    return "plan" if state.conclusion is not None and state.conclusion.look_again else "summarise"
