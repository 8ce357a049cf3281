"""What investigations say at this moment: read from the topics once per process, told to every listener.

A listener has a bounded queue. One that falls behind is cut off and begins again from where it was; it never holds up
the others. The last minutes of the investigations that spoke last are remembered, so that a listener misses nothing
between looking into the tables and listening.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from schemas.errors import NotFoundError, RateLimitedError, RetryableError
from schemas.events import (
    Event,
    Evidence,
    InvestigationRequested,
    InvestigationStatus,
    Report,
    RequestKind,
)
from schemas.registry import SchemaRegistry
from streams.kafka import KafkaSettings
from streams.ports import Clock
from streams.reader import ReadEvent, open_reader

__all__ = ["FeedLimits", "Heard", "InvestigationFeed", "Listener"]

_log = structlog.get_logger(__name__)

_TOPICS: Final = (
    InvestigationRequested.TOPIC,
    InvestigationStatus.TOPIC,
    Evidence.TOPIC,
    Report.TOPIC,
)
_AGAIN_S: Final = 1.0
_OVERLAP: Final = timedelta(seconds=5)
"""After a lost connection this much is read again: what was heard before is not told twice."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """How much is remembered, and for how many; `lookback` is how far back reading begins."""

    listeners: int = 2_000
    queue: int = 1_000
    """Events that one listener may be behind."""
    investigations: int = 500
    events: int = 2_000
    """Remembered of one investigation."""
    lookback: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of an investigation; `topic` is the bare name."""

    topic: str
    offset: int
    event: Event


class Listener:
    """One who listens to one investigation. Used in one task."""

    def __init__(self, recent: tuple[Heard, ...], size: int) -> None:
        self.recent = recent
        """What was heard before, in order within each topic."""
        self._size = size
        self._queue: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._cut = False

    def offer(self, heard: Heard) -> None:
        """Tell it, or cut it off where it is too far behind. Does not block."""
        if self._queue.qsize() >= self._size:
            self.cut()
        elif not self._cut:
            self._queue.put_nowait(heard)

    def cut(self) -> None:
        """Tell it nothing more after what it has not taken yet."""
        if not self._cut:
            self._cut = True
            self._queue.put_nowait(None)

    async def next(self) -> Heard | None:
        """Wait for the next event; None once it was cut off."""
        if self._cut and self._queue.empty():
            return None
        return await self._queue.get()


@dataclass(slots=True)
class _Voice:
    """What one investigation said lately, and who listens."""

    request: InvestigationRequested | None = None
    heard: list[Heard] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    listeners: set[Listener] = field(default_factory=set)


class InvestigationFeed:
    """Belongs to one event loop. `run` reads; everything else does not block."""

    def __init__(
        self,
        settings: KafkaSettings,
        clock: Clock,
        *,
        limits: FeedLimits | None = None,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._limits = limits or FeedLimits()
        self._registry = registry
        self._voices: OrderedDict[str, _Voice] = OrderedDict()
        self._listening = 0
        self._until: datetime | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop`, through losses of the broker; then cut every listener off."""
        reading = asyncio.ensure_future(self._read_on())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
        finally:
            for task in (reading, stopping):
                task.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)
            for voice in self._voices.values():
                for listener in voice.listeners:
                    listener.cut()

    def expect(self, request: InvestigationRequested) -> None:
        """Know of a request that was just published, before it has come back."""
        if request.kind is not RequestKind.CANCEL:
            self._voice(request.investigation_id).request = request

    def requested(self, tenant: str, investigation_id: str) -> InvestigationRequested | None:
        """Return the tenant's request of this name, if it was heard of lately."""
        voice = self._voices.get(investigation_id)
        request = voice.request if voice is not None else None
        return request if request is not None and request.tenant == tenant else None

    @contextmanager
    def subscribe(self, investigation_id: str) -> Iterator[Listener]:
        """Listen while the context lasts. Raises RateLimitedError when there are too many listeners."""
        if self._listening >= self._limits.listeners:
            raise RateLimitedError("too many listeners", retry_after_s=10)
        voice = self._voice(investigation_id)
        listener = Listener(tuple(voice.heard), self._limits.queue)
        voice.listeners.add(listener)
        self._listening += 1
        try:
            yield listener
        finally:
            voice.listeners.discard(listener)
            self._listening -= 1

    async def _read_on(self) -> None:
        self._until = self._clock.now() - self._limits.lookback
        while True:
            try:
                await self._read(self._until)
            except (RetryableError, NotFoundError) as error:
                _log.warning("feed_lost", error=str(error))
            await self._clock.sleep(_AGAIN_S)
            self._until -= _OVERLAP

    async def _read(self, since: datetime) -> None:
        async with open_reader(self._settings, self._registry) as reader:
            async for read in reader.events(_TOPICS, since=since, follow=True):
                if isinstance(read, ReadEvent):
                    name = self._settings.names.bare(read.message.topic)
                    self.take(Heard(name, read.message.offset, read.event))
                    self._until = max(self._until or since, read.message.at)

    def take(self, heard: Heard) -> None:
        """Remember an event and tell it to those who listen to its investigation."""
        event = heard.event
        if isinstance(event, InvestigationRequested):
            self.expect(event)
        elif isinstance(event, InvestigationStatus | Evidence | Report):
            self._tell(self._voice(event.investigation_id), heard)

    def _tell(self, voice: _Voice, heard: Heard) -> None:
        if heard.event.event_id in voice.ids:
            return
        if len(voice.heard) < self._limits.events:
            voice.heard.append(heard)
            voice.ids.add(heard.event.event_id)
        for listener in voice.listeners:
            listener.offer(heard)

    def _voice(self, investigation_id: str) -> _Voice:
        voice = self._voices.setdefault(investigation_id, _Voice())
        self._voices.move_to_end(investigation_id)
        if len(self._voices) > self._limits.investigations:
            self._forget_one()
        return voice

    def _forget_one(self) -> None:
        """The one that was silent longest, but none that somebody listens to, nor the one that speaks."""
        for name in list(self._voices)[:-1]:
            if not self._voices[name].listeners:
                del self._voices[name]
                return
