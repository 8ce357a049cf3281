"""The processor time of a whole investigation, beside a LangGraph graph of the same steps that does nothing.

Real: the graph, its SQLite checkpoints, the analysis of a shop's half hour, the encoding and sending of everything it
publishes to a broker. From memory: the answers to its queries, because reading them is the database's figure; and no model.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from statistics import median

from agents.analysis.signals import IncidentData
from agents.investigation.checkpoints import StoredCheckpoints, open_checkpoints
from agents.investigation.memory import memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.ports import Published
from schemas.events.report import Verdict
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import EventProducer, open_producer
from tests.bench.figures import Figure, Goal
from tests.bench.investigating.bare_graph import NODES, BareGraph
from tests.bench.investigating.shop_case import shop_case
from tests.bench.run import Run
from tests.fakes.broker import start_tansu

__all__ = ["measure"]

_GOAL_MS = 25.0


@dataclass(slots=True)
class _Sent:
    """Publishes to the broker, and counts."""

    producer: EventProducer
    events: int = 0

    async def publish(self, *events: Published) -> None:
        self.events += len(events)
        await self.producer.publish_all(events)


@dataclass(slots=True)
class _Timed:
    """Processor time of all threads, a run of `work` each, in milliseconds."""

    work: Callable[[str], Awaitable[None]]
    spent: list[float] = field(default_factory=list)
    runs: int = 0

    async def round(self, times: int) -> None:
        begun = time.process_time()
        for _ in range(times):
            self.runs += 1
            await self.work(f"run-{self.runs}")
        self.spent.append((time.process_time() - begun) / times * 1000)

    @property
    def after_warming_up(self) -> list[float]:
        return self.spent[1:] or self.spent


async def measure(run: Run) -> list[Figure]:
    """Measure both in turns in one process."""
    data = shop_case()
    run.say(f"{len(data.kpis)} series, {len(data.logs):,} log lines")
    with start_tansu() as broker:
        settings = KafkaSettings.embedded(broker)
        async with AsyncExitStack() as stack:
            await (await stack.enter_async_context(open_admin(settings))).ensure()
            sent = _Sent(await stack.enter_async_context(open_producer(settings, source="/tocsin/bench")))
            ours_kept = await stack.enter_async_context(open_checkpoints(run.folder / "ours.sqlite"))
            bare_kept = await stack.enter_async_context(open_checkpoints(run.folder / "bare.sqlite"))
            ours = _Timed(_investigating(data, sent, ours_kept))
            bare = _Timed(_running(BareGraph(bare_kept)))
            for _ in range(run.of(9, 1)):
                await bare.round(run.of(10, 1))
                await ours.round(run.of(10, 1))
            return _figures(ours, bare, data, sent)


def _investigating(
    data: IncidentData, sent: _Sent, saver: StoredCheckpoints
) -> Callable[[str], Awaitable[None]]:
    ports = replace(memory_ports(data), publisher=sent)
    investigations = Investigations(ports.settings, saver)

    async def investigate(name: str) -> None:
        outcome = await investigations.investigate(request_for(data, case=name), ports)
        assert isinstance(outcome, Reported)
        assert outcome.report.verdict is Verdict.CAUSE_FOUND, "it looks again, and the bare graph does not"

    return investigate


def _running(graph: BareGraph) -> Callable[[str], Awaitable[None]]:
    async def run(name: str) -> None:
        assert await graph.run(name) == NODES

    return run


def _figures(ours: _Timed, bare: _Timed, data: IncidentData, sent: _Sent) -> list[Figure]:
    own, peer = median(ours.after_warming_up), median(bare.after_warming_up)
    size = f"{len(data.kpis)} series, {sum(one.times.size for one in data.kpis):,} samples, {len(data.logs):,} lines"
    return [
        Figure(
            "CPU over the bare graph",
            own - peer,
            "ms",
            Goal("≤", _GOAL_MS),
            f"{own:.1f} ms an investigation: {size}, {sent.events / ours.runs:.0f} events sent",
            f"{peer:.1f} ms: the same {NODES} nodes doing nothing, same checkpoints",
        )
    ]
