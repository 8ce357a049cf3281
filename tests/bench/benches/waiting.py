"""A thousand investigations that wait for their data in one worker: its memory, and that they end when data land.

The worker is the role itself in a process of its own, on a real broker, Redis, ClickHouse and SQLite. The requests are of
fifty tenants, and their data never land until the benchmark says that a sample's have: these are investigated and
reported, the others wait on.
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
_SOON_S, _LATE_S = 20.0, 36_000.0
"""How long after its alarm an investigation looks: until soon, or until later than data are said to have landed."""
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
    many, soon = run.of(1_000, 20), run.of(100, 10)
    with servers(run.folder) as known:
        await prepare(known)
        told = _Told()
        listening = asyncio.create_task(told.listen(known))
        try:
            with role(known, run.folder, data_wait_s=_WAIT_S) as worker:
                await _send(known, [_request(0, _SOON_S)])
                await told.until(1, InvestigationState.WAITING)
                idle = resident_mib(worker.pid)
                await _send(
                    known, [_request(one, _SOON_S if one < soon else _LATE_S) for one in range(1, many)]
                )
                begun_s = await told.until(many, InvestigationState.WAITING)
                waiting = resident_mib(worker.pid)
                await _let_data_land(known)
                ended_s = await told.until(soon, *_ENDS)
                run.say(
                    f"all wait after {begun_s:.0f} s; {soon} have ended {ended_s:.0f} s after their data landed"
                )
                return _figures((idle, waiting, resident_mib(worker.pid)), told, many, soon)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _send(known: Servers, requests: list[InvestigationRequested]) -> None:
    async with open_producer(known.kafka, source="/tocsin/bench") as producer:
        await producer.publish_all(requests)


def _request(number: int, observe_s: float) -> InvestigationRequested:
    """A request of now that looks at the next `observe_s` seconds too, which are still to be measured."""
    now = datetime.now(UTC).timestamp()
    data = IncidentData(
        window=Window(now - 1_920.0, now - 120.0, now + observe_s, now),
        alarm_service="cart",
        alarm_indicator="latency_p95",
    )
    return request_for(data, tenant=f"tenant-{number % _TENANTS}", case=f"case-{number}")


async def _let_data_land(known: Servers) -> None:
    """Say that all of the next hour has landed, as the landers do when nothing is left to land."""
    later = datetime.now(UTC) + timedelta(hours=1)
    async with open_redis(known.redis_url) as redis:
        marks = RedisWatermarks(redis, prefix="tocsin")
        for event in (KpiBatch, LogBatch, ChangeRaw, AlarmRaw):
            for partition in range(topic_of(event).partitions):
                await marks.advance(event.TOPIC, partition, later)


def _figures(resident: tuple[float, float, float], told: _Told, many: int, soon: int) -> list[Figure]:
    """`resident` in MiB: with one investigation, with all of them, when some had ended."""
    idle, waiting, after = resident
    each_kib = (waiting - idle) / (many - 1) * 1024
    reported, ended = told.of(InvestigationState.COMPLETED), told.of(*_ENDS)
    return [
        Figure(
            "Resident memory of the worker",
            waiting,
            "MiB",
            below(_GOAL_MIB),
            f"{many:,} investigations waiting for data, {each_kib:.0f} KiB each; {after:.0f} MiB when {soon} had ended",
            f"{idle:.0f} MiB: the same worker with one",
        ),
        Figure(
            "Reported, of those whose data landed",
            reported / soon * 100.0,
            "%",
            Goal("≥", 100.0),
            f"{reported:,} of {soon:,}; {ended - reported} ended otherwise, {many - ended:,} wait on",
        ),
    ]
