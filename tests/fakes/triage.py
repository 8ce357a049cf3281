"""What triage asks from outside, in memory: what a tenant configured, its limits, a clock, and what was published."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.codec import encode
from schemas.control import Policy, ServiceTopology, Silence
from schemas.events import Event, Incident
from streams.messages import Message
from streams.triage.deps import TriageDeps
from streams.triage.ports import Admitted, OverLimit, Verdict
from tests.fakes.events import EPOCH

__all__ = ["SHOP", "Book", "Configured", "Graveyard", "HandClock", "Limits", "deps_of", "message_with"]

SHOP = ServiceTopology(
    tenant="acme",
    calls={
        "frontend": ("cart", "catalogue", "checkout"),
        "checkout": ("payment", "cart"),
        "cart": ("redis",),
        "catalogue": ("postgres",),
        "payment": ("bank",),
    },
)
"""A small shop: frontend above all, three backends of their own."""


class HandClock:
    """A clock that goes on only when told to; whoever sleeps is not kept waiting."""

    def __init__(self, at: datetime = EPOCH) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Book:
    """A publisher that writes down."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.traces: list[str] = []

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        self.events.append(event)
        self.traces.append(traceparent)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        given = [traceparent] * len(events) if isinstance(traceparent, str) else traceparent
        for event, one in zip(events, given, strict=True):
            await self.publish(event, traceparent=one)


class Graveyard:
    """Dead letters: message, stage and reason of each."""

    def __init__(self) -> None:
        self.buried: list[tuple[Message, str, str]] = []

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str) -> None:
        assert detail
        self.buried.append((message, stage, reason))


class Configured:
    """What the tenants have configured; change it as they would."""

    def __init__(self, topology: ServiceTopology | None = None) -> None:
        self.shop = topology
        self.silenced: list[Silence] = []
        self.rules: list[Policy] = []

    async def silences(self, tenant: str) -> Sequence[Silence]:
        return [one for one in self.silenced if one.tenant == tenant]

    async def policies(self, tenant: str) -> Sequence[Policy]:
        return [one for one in self.rules if one.tenant == tenant]

    async def topology(self, tenant: str) -> ServiceTopology | None:
        return self.shop


class Limits:
    """Admits until told otherwise."""

    def __init__(self) -> None:
        self.over: OverLimit | None = None

    async def admit(self, tenant: str, incident: Incident) -> Verdict:
        return self.over or Admitted()


def deps_of(
    book: Book, graveyard: Graveyard, clock: HandClock, control: Configured, limits: Limits | None = None
) -> TriageDeps:
    return TriageDeps(
        publisher=book,
        dead_letters=graveyard,
        control=control,
        admission=limits or Limits(),
        clock=clock,
    )


def message_with(
    event: Event | None, *, offset: int = 0, at: datetime = EPOCH, value: bytes | None = None, trace: str = ""
) -> Message:
    """The message that carries the event, or these bytes."""
    return Message(
        topic=event.TOPIC if event else "alarms.raw",
        partition=0,
        offset=offset,
        key=event.key.encode() if event else b"acme|x",
        value=encode(event) if event else value,
        headers=(("traceparent", trace.encode()),) if trace else (),
        at=at,
    )
