"""What an alarm costs with few and with many incidents open.

The three stages of triage in this process, with their real rules and state, encoding and decoding; only the broker is left
out, which knows nothing of incidents. Each alarm measured joins an incident that is open; a tick of the stages that have one, which
happens twice a second, is measured by itself.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TypeVar

from schemas.codec import encode
from schemas.events import AlarmChanged, AlarmRaw, Event, Incident
from streams.messages import Message
from streams.triage.correlate import Correlate
from streams.triage.intake import Intake
from streams.triage.memory_store import MemoryStore
from streams.triage.settings import CorrelationRules, IntakeRules, TriggerRules
from streams.triage.trigger import Trigger
from tests.bench.figures import Figure, Goal
from tests.bench.run import Run
from tests.fakes.events import alarm
from tests.fakes.triage import Book, Configured, Graveyard, HandClock, deps_of

__all__ = ["measure"]

_E = TypeVar("_E", bound=Event)
_BATCH = 500
_FLAT = Goal("≤", 1.5)
"""A thousand times the incidents may cost half more: larger dictionaries miss the processor's caches."""


@dataclass(frozen=True, slots=True)
class _Cost:
    alarm_us: float
    tick_ms: float


async def measure(run: Run) -> list[Figure]:
    few, *more = (100, 1_000) if run.quick else (100, 10_000, 100_000)
    triage = _Triage()
    base = await _cost(triage, few, run)
    run.say(f"{few:,} open: {base.alarm_us:,.0f} µs an alarm, {base.tick_ms:.2f} ms a tick")
    figures = []
    for count in more:
        cost = await _cost(triage, count, run)
        run.say(f"{count:,} open: {cost.alarm_us:,.0f} µs an alarm, {cost.tick_ms:.2f} ms a tick")
        figures.append(
            Figure(
                f"an alarm with {count:,} incidents open ÷ with {few}",
                cost.alarm_us / base.alarm_us,
                "x",
                _FLAT,
                f"{cost.alarm_us:,.0f} µs of processor time; a tick {cost.tick_ms:.1f} ms",
                f"{base.alarm_us:,.0f} µs; a tick {base.tick_ms:.1f} ms",
            )
        )
    return figures


async def _cost(triage: _Triage, open_incidents: int, run: Run) -> _Cost:
    """Open as many more as are missing, and measure."""
    for start in range(triage.open_count, open_incidents, _BATCH):
        await triage.take_in(triage.alarms("First", range(start, min(start + _BATCH, open_incidents))))
        gc.freeze()  # what is open is old; the collector of a long-lived worker has it in its oldest generation
    assert triage.open_count == open_incidents
    rounds = [
        triage.alarms(
            f"More{number}-{open_incidents}", range(0, open_incidents, max(1, open_incidents // 100))
        )
        for number in range(run.of(30, 3))
    ]
    spent = [await _spent(triage, alarms) for alarms in rounds]
    ticks = [await _ticked(triage) for _ in range(5)]
    assert triage.open_count == open_incidents, "every alarm joined an incident"
    return _Cost(alarm_us=median(spent) * 1e6, tick_ms=median(ticks) * 1e3)


async def _spent(triage: _Triage, alarms: Sequence[AlarmRaw]) -> float:
    begun = time.process_time()
    await triage.take_in(alarms)
    return (time.process_time() - begun) / len(alarms)


async def _ticked(triage: _Triage) -> float:
    begun = time.process_time()
    await triage.tick()
    return time.process_time() - begun


class _Triage:
    """The stages one after another, each reading what the one before has published."""

    def __init__(self) -> None:
        self._book, self._clock = Book(), HandClock(datetime.now(UTC))
        deps = deps_of(self._book, Graveyard(), self._clock, Configured())
        self._intake = Intake(MemoryStore(), deps, IntakeRules())
        self._correlate = Correlate(MemoryStore(), deps, CorrelationRules())
        self._trigger = Trigger(MemoryStore(), deps, TriggerRules())
        self.open_count = 0
        self._offset = 0

    def alarms(self, name: str, services: range) -> list[AlarmRaw]:
        at = self._clock.now() - timedelta(seconds=30)
        return [
            alarm(name, f"service-{number}", tenant=f"tenant-{number % 50}", occurred_at=at, started_at=at)
            for number in services
        ]

    async def take_in(self, alarms: Sequence[AlarmRaw]) -> None:
        await self._intake.handle(self._messages(alarms))
        await self._correlate.handle(self._messages(self._published(AlarmChanged)))
        incidents = self._published(Incident)
        self.open_count += sum(one.transition == "opened" for one in incidents)
        await self._trigger.handle(self._messages(incidents))
        self._book.events.clear()
        self._clock.advance(0.1)

    async def tick(self) -> None:
        self._clock.advance(0.5)
        await self._intake.tick()
        await self._correlate.tick()
        self._book.events.clear()

    def _published(self, kind: type[_E]) -> list[_E]:
        found = [one for one in self._book.events if isinstance(one, kind)]
        self._book.events[:] = [one for one in self._book.events if not isinstance(one, kind)]
        return found

    def _messages(self, events: Sequence[Event]) -> list[Message]:
        return [self._message(one) for one in events]

    def _message(self, event: Event) -> Message:
        self._offset += 1
        return Message(event.TOPIC, 0, self._offset, event.key.encode(), encode(event), at=self._clock.now())
