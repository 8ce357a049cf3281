"""Correlate: alarms.changed to incidents."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from schemas.errors import InvalidEventError
from schemas.events import AlarmChanged, Decision
from schemas.metrics import INCIDENT_TRANSITIONS, OPEN_INCIDENTS
from schemas.registry_reading import read_event_as
from schemas.tracing import SpanName
from streams.messages import Message
from streams.spans import handling
from streams.triage.correlation import Correlation
from streams.triage.deps import TriageDeps
from streams.triage.outbox import Outgoing, send_all
from streams.triage.ports import StateStore
from streams.triage.refreshed import Refreshed
from streams.triage.settings import CorrelationRules
from streams.triage.topology import Neighbourhoods

__all__ = ["Correlate"]

_log = structlog.get_logger(__name__)

_STAGE = "correlate"
_TOLD = frozenset({Decision.OPENED, Decision.UPDATED, Decision.CLEARED})
"""Decisions that say something about the world; the others only explain why nothing was said."""


class Correlate:
    """The stage. One batch or tick at a time; `restore` after the store has been filled or partitions moved."""

    def __init__(self, store: StateStore, deps: TriageDeps, rules: CorrelationRules) -> None:
        async def neighbourhoods(tenant: str) -> Neighbourhoods:
            return Neighbourhoods(await deps.control.topology(tenant), rules.max_hops)

        self._store = store
        self._publisher = deps.publisher
        self._dead_letters = deps.dead_letters
        self._clock = deps.clock
        self._recorder = deps.recorder
        self._tracing = deps.tracing
        self._registry = deps.registry
        self._near = Refreshed(neighbourhoods, deps.clock)
        self._rules = rules
        self._lock = asyncio.Lock()
        self._correlation = Correlation(rules)

    def restore(self) -> None:
        """Rebuild the open incidents from the store."""
        self._correlation = Correlation(self._rules)
        self._correlation.load(self._store.entries())

    async def handle(self, batch: Sequence[Message]) -> None:
        """Correlate each change, publish what became of the incidents, then remember it: all durable at the end."""
        async with self._lock:
            for message in batch:
                await self._take_in(message)
            await self._carry_out()

    async def tick(self) -> None:
        """Close incidents that have been quiet for long enough, and tell all growth that is due, batches in between."""
        async with self._lock:
            self._correlation.advance(self._clock.now())
            await self._carry_out()
        while self._correlation.has_due_growth(self._clock.now()):
            async with self._lock:
                await self._carry_out()

    async def _take_in(self, message: Message) -> None:
        try:
            change = await read_event_as(AlarmChanged, message.value, self._registry)
        except InvalidEventError as error:
            await self._dead_letters.bury(message, stage=_STAGE, reason=error.reason, detail=str(error))
            return
        if change.decision not in _TOLD:
            return
        near = await self._near.of(change.tenant)
        now = self._clock.now()
        with handling(
            self._tracing, SpanName.CORRELATE, message, change, alarm=change.alarm_event_id
        ) as trace:
            incident = self._correlation.apply(change, near, message.partition, now, trace)
            _log.debug("alarm_correlated", incident=incident, decision=change.decision.value)

    async def _carry_out(self) -> None:
        effects = self._correlation.take(self._clock.now())
        outgoing = [Outgoing(one.event, one.traceparent) for one in effects.transitions]
        await send_all(self._publisher, outgoing)
        for partition, changes in effects.writes.items():
            self._store.write(partition, changes)
        await self._store.settle()
        for one in effects.transitions:
            self._recorder.count(INCIDENT_TRANSITIONS, transition=one.event.transition.value)
        self._recorder.gauge(OPEN_INCIDENTS, self._correlation.open_count)
