"""Watching a tenant's topics as they grow: for commands that wait for something and show what happens meanwhile."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar

from infra.cli.context import Installation
from infra.cli.reading import open_topics
from schemas.errors import UnavailableError
from schemas.events import (
    AlarmChanged,
    CostEntry,
    Event,
    Evidence,
    Incident,
    InvestigationRequested,
    InvestigationStatus,
    Report,
)
from streams.reader import ReadEvent, TopicReader

__all__ = ["Watcher", "watching"]

_E = TypeVar("_E", bound=Event)

_WATCHED: tuple[type[Event], ...] = (
    AlarmChanged,
    Incident,
    InvestigationRequested,
    InvestigationStatus,
    Evidence,
    Report,
    CostEntry,
)


class Watcher:
    """What has been seen of one tenant so far, by class; each event once, in order within a key."""

    def __init__(self, tenant: str, on_event: Callable[[Event], None]) -> None:
        self._tenant = tenant
        self._on_event = on_event
        self._seen: set[str] = set()
        self._events: dict[type[Event], list[Event]] = defaultdict(list)
        self._changed = asyncio.Condition()

    def all(self, kind: type[_E]) -> tuple[_E, ...]:
        """Return the events of one class, in the order in which they were seen."""
        return tuple(event for event in self._events[kind] if isinstance(event, kind))

    async def follow(self, reader: TopicReader, since: datetime) -> None:
        """Read until cancelled."""
        async for read in reader.events([one.TOPIC for one in _WATCHED], since=since, follow=True):
            if isinstance(read, ReadEvent) and read.event.tenant == self._tenant:
                await self._take(read.event)

    async def _take(self, event: Event) -> None:
        if event.event_id in self._seen:
            return
        self._seen.add(event.event_id)
        self._events[type(event)].append(event)
        self._on_event(event)
        async with self._changed:
            self._changed.notify_all()

    async def until(self, met: Callable[[], bool], what: str, within_s: float) -> None:
        """Return once `met` holds, asked again after each event. Raises UnavailableError after `within_s` seconds."""
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(met)
        except TimeoutError:
            raise UnavailableError(
                f"{what} did not come within {within_s:.0f} s",
                cure="Read the roles' logs; `tocsin status` names them.",
            ) from None


@asynccontextmanager
async def watching(
    installation: Installation, tenant: str, since: datetime, on_event: Callable[[Event], None]
) -> AsyncIterator[Watcher]:
    """Watch from `since` on, while the context lasts."""
    watcher = Watcher(tenant, on_event)
    async with open_topics(installation) as reader:
        task = asyncio.create_task(watcher.follow(reader, since))
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
