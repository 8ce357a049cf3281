"""The shop's events on their way to Kafka, at several times the speed of life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from infra.local.shop.faults import Fault
from infra.local.shop.simulation import Shop
from infra.runtime.clock import SystemClock
from schemas.events import AlarmRaw, ChangeRaw, Event, KpiBatch, LogBatch
from streams.producer import EventProducer

__all__ = ["Counts", "Feed", "Schedule"]

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens in the shop, in seconds of its own time after the start; `speed` of them pass in one of ours."""

    speed: float
    history_s: float = 1_800.0
    heal_at_s: float | None = None
    again_at_s: float | None = None
    harmless_at_s: float | None = None
    length_s: float = 300.0


@dataclass(slots=True)
class Counts:
    """What has been sent so far."""

    samples: int = 0
    lines: int = 0
    changes: int = 0
    alarms: int = 0

    def add(self, event: Event) -> None:
        match event:
            case KpiBatch():
                self.samples += sum(len(one.values) for one in event.series)
            case LogBatch():
                self.lines += len(event.records)
            case ChangeRaw():
                self.changes += 1
            case AlarmRaw():
                self.alarms += 1


@dataclass(slots=True)
class Feed:
    """Sends the shop's history at once and its life at its pace. `at_s` is how far the shop's time has come."""

    producer: EventProducer
    clock: SystemClock
    seed: int
    fault: Fault | None
    tenant: str
    schedule: Schedule
    on_event: Callable[[Event], None]
    counts: Counts = field(default_factory=Counts)
    at_s: float = 0.0
    started: datetime | None = None

    @property
    def now(self) -> datetime:
        """The shop's own time."""
        assert self.started is not None
        return self.started + timedelta(seconds=self.at_s)

    def shop(self) -> Shop:
        """The shop's time begins in the past, so that it comes to the present just when it ends."""
        ahead = self.schedule.length_s * (1 - 1 / self.schedule.speed)
        start = (self.clock.now() - timedelta(seconds=ahead)).replace(microsecond=0)
        self.started = start
        return Shop(
            self.seed,
            self.fault,
            self.tenant,
            start,
            heal_at_s=self.schedule.heal_at_s,
            again_at_s=self.schedule.again_at_s,
            harmless_at_s=self.schedule.harmless_at_s,
        )

    async def send_history(self, shop: Shop) -> None:
        """Send what was before, and return when the broker has it."""
        events = [event for tick in shop.history(self.schedule.history_s) for event in tick.events]
        for first in range(0, len(events), _CHUNK):
            await self._publish(events[first : first + _CHUNK])

    async def live(self, shop: Shop) -> None:
        """Send tick by tick until the schedule's length."""
        begun = self.clock.monotonic()
        for number, tick in enumerate(shop.ticks(self.schedule.length_s), start=1):
            due = begun + number / self.schedule.speed
            await asyncio.sleep(max(0.0, due - self.clock.monotonic()))
            self.at_s = float(number)
            if tick.events:
                await self._publish(tick.events)

    async def _publish(self, events: tuple[Event, ...] | list[Event]) -> None:
        await self.producer.publish_all(events)
        for event in events:
            self.counts.add(event)
            self.on_event(event)
