"""A thousand investigations that wait for their data in one worker: its memory, and that they end when data land.

The worker is the role itself in a process of its own, on a real broker, Redis, ClickHouse and SQLite. The requests are of
fifty tenants, and their data never land until the benchmark says that they have; of those that then end, the first are looked at.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agents.analysis.signals import IncidentData, Window
from agents.investigation.memory import request_for
from infra.runtime.redis import RedisWatermarks, open_redis
from schemas.events import (
    AlarmRaw,
    ChangeRaw,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    KpiBatch,
    LogBatch,
)
from schemas.topics import topic_of
from streams.producer import open_producer
from streams.reader import ReadEvent, open_reader
from tests.bench.figures import Figure, Goal, below
from tests.bench.investigating.role import Servers, prepare, resident_mib, role, servers
from tests.bench.run import Run

__all__ = ["measure"]

_GOAL_MIB = 1.5 * 1024
_TENANTS = 50
_WAIT_S = "3600"
_DEADLINE_S = 150.0
_ENDS = frozenset(
    {
        InvestigationState.COMPLETED,
        InvestigationState.FAILED,
        InvestigationState.REFUSED,
        InvestigationState.CANCELLED,
    }
)


@dataclass(slots=True)
class _Told:
    """What the worker's status events say so far: the states of each investigation."""

    states: dict[str, Counter[InvestigationState]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self, known: Servers) -> None:
        async with open_reader(known.kafka) as reader:
            async for read in reader.events([InvestigationStatus.TOPIC], follow=True):
                if isinstance(read, ReadEvent) and isinstance(read.event, InvestigationStatus):
                    told = self.states.setdefault(read.event.investigation_id, Counter())
                    told[read.event.state] += 1
                    self.changed.set()

    def of(self, *states: InvestigationState) -> int:
        """How many investigations were ever in one of the states."""
        return sum(any(told[state] for state in states) for told in self.states.values())

    async def until(self, many: int, *states: InvestigationState) -> float:
        """Return after how many seconds so many were in one of the states. Raises TimeoutError."""
        begun = time.monotonic()
        async with asyncio.timeout(_DEADLINE_S):
            while self.of(*states) < many:
                self.changed.clear()
                await self.changed.wait()
        return time.monotonic() - begun


async def measure(run: Run) -> list[Figure]:
    """Measure memory, and count what ended."""
    many = run.of(1_000, 20)
    with servers(run.folder) as known:
        await prepare(known)
        told = _Told()
        listening = asyncio.create_task(told.listen(known))
        try:
            with role(known, run.folder, data_wait_s=_WAIT_S) as worker:
                await _send(known, ["first"])
                await told.until(1, InvestigationState.WAITING)
                idle = resident_mib(worker.pid)
                begun_s = await _begin(known, told, many)
                waiting = resident_mib(worker.pid)
                await _let_data_land(known)
                sample = run.of(150, 20)
                ended_s = await told.until(sample, *_ENDS)
                run.say(
                    f"all wait after {begun_s:.0f} s; {sample} have ended {ended_s:.0f} s after their data landed"
                )
                return _figures(idle, waiting, resident_mib(worker.pid), told, many)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _begin(known: Servers, told: _Told, many: int) -> float:
    await _send(known, [f"case-{one}" for one in range(1, many)])
    return await told.until(many, InvestigationState.WAITING)


async def _send(known: Servers, names: list[str]) -> None:
    async with open_producer(known.kafka, source="/tocsin/bench") as producer:
        await producer.publish_all([_request(number, name) for number, name in enumerate(names)])


def _request(number: int, name: str) -> InvestigationRequested:
    """A request about now: what happened in its window is still to be measured."""
    now = datetime.now(UTC).timestamp()
    data = IncidentData(
        window=Window(now - 1_920.0, now - 120.0, now + 20.0, now),
        alarm_service="cart",
        alarm_indicator="latency_p95",
    )
    return request_for(data, tenant=f"tenant-{number % _TENANTS}", case=name)


async def _let_data_land(known: Servers) -> None:
    """Say that everything has landed, as the landers do when nothing is left to land."""
    later = datetime.now(UTC) + timedelta(hours=1)
    async with open_redis(known.redis_url) as redis:
        marks = RedisWatermarks(redis, prefix="tocsin")
        for event in (KpiBatch, LogBatch, ChangeRaw, AlarmRaw):
            for partition in range(topic_of(event).partitions):
                await marks.advance(event.TOPIC, partition, later)


def _figures(idle: float, waiting: float, after: float, told: _Told, many: int) -> list[Figure]:
    each_kib = (waiting - idle) / (many - 1) * 1024
    return [
        Figure(
            "Resident memory of the worker",
            waiting,
            "MiB",
            below(_GOAL_MIB),
            f"{many:,} investigations waiting for data, {each_kib:.0f} KiB each; {after:.0f} MiB while they end",
            f"{idle:.0f} MiB: the same worker with one",
        ),
        Figure(
            "Reported, of those that ended when their data had landed",
            100.0 * told.of(InvestigationState.COMPLETED) / told.of(*_ENDS),
            "%",
            Goal("≥", 100.0),
            f"{told.of(*_ENDS):,} of {many:,} looked at",
        ),
    ]
