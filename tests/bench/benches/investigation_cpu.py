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

from agents.analysis.log_mining import templates
from agents.analysis.signals import IncidentData
from agents.investigation.checkpoints import StoredCheckpoints, open_checkpoints
from agents.investigation.memory import memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.ports import Published
from infra.runtime.heap import settle_heap
from schemas.events.report import Verdict
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import EventProducer, open_producer
from tests.bench.figures import Figure, Goal
from tests.bench.investigating.bare_graph import NODES, BareGraph
from tests.bench.investigating.shop_case import near_the_alarm, shop_case
from tests.bench.run import Run
from tests.fakes.broker import start_tansu

__all__ = ["measure"]

_GOAL_MS = 25.0
_WARMING_UP = 10


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
    """Processor time of all threads, in milliseconds a run, the first runs left out."""

    work: Callable[[str], Awaitable[None]]
    spent: list[float] = field(default_factory=list)
    runs: int = 0

    async def run(self) -> None:
        _forget_lines()
        self.runs += 1
        begun = time.process_time()
        await self.work(f"run-{self.runs}")
        self.spent.append((time.process_time() - begun) * 1000)

    @property
    def ms(self) -> float:
        return median(self.spent[_WARMING_UP:] or self.spent)


def _forget_lines() -> None:
    """Lines are new to each investigation, but for those of a storm."""
    for cache in (templates.read_line, templates._masked_word, templates._masked_form):
        cache.cache_clear()


async def measure(run: Run) -> list[Figure]:
    """Measure all in turns in one process."""
    shop = shop_case()
    with start_tansu() as broker:
        settings = KafkaSettings.embedded(broker)
        async with AsyncExitStack() as stack:
            await (await stack.enter_async_context(open_admin(settings))).ensure()
            sent = _Sent(await stack.enter_async_context(open_producer(settings, source="/tocsin/bench")))
            ours_kept = await stack.enter_async_context(open_checkpoints(run.folder / "ours.sqlite"))
            bare_kept = await stack.enter_async_context(open_checkpoints(run.folder / "bare.sqlite"))
            bare = _Timed(_running(BareGraph(bare_kept)))
            cases = {"the alarm's neighbours": near_the_alarm(shop), "the whole shop": shop}
            ours = {name: _Timed(_investigating(name, data, sent, ours_kept)) for name, data in cases.items()}
            for turn in range(run.of(70, 2)):
                if turn == _WARMING_UP:
                    settle_heap()  # as the role does soon after its start
                for timed in (bare, *ours.values()):
                    await timed.run()
            each = sent.events / sum(timed.runs for timed in ours.values())
            return [_figure(name, ours[name], bare, data, each) for name, data in cases.items()]


def _investigating(
    case: str, data: IncidentData, sent: _Sent, saver: StoredCheckpoints
) -> Callable[[str], Awaitable[None]]:
    ports = replace(memory_ports(data), publisher=sent)
    investigations = Investigations(ports.settings, saver)

    async def investigate(name: str) -> None:
        outcome = await investigations.investigate(request_for(data, case=f"{case} {name}"), ports)
        assert isinstance(outcome, Reported)
        assert outcome.report.verdict is Verdict.CAUSE_FOUND, "it looks again, and the bare graph does not"

    return investigate


def _running(graph: BareGraph) -> Callable[[str], Awaitable[None]]:
    async def run(name: str) -> None:
        assert await graph.run(name) == NODES

    return run


def _figure(case: str, ours: _Timed, bare: _Timed, data: IncidentData, events: float) -> Figure:
    samples = sum(one.times.size for one in data.kpis)
    size = f"{len(data.kpis)} series, {samples:,} samples, {len(data.logs):,} log lines"
    return Figure(
        f"CPU over the bare graph, {case}",
        ours.ms - bare.ms,
        "ms",
        Goal("≤", _GOAL_MS) if case != "the whole shop" else None,
        f"{ours.ms:.1f} ms an investigation: {size}, some {events:.0f} events sent",
        f"{bare.ms:.1f} ms: the same {NODES} nodes doing nothing, same checkpoints",
    )
