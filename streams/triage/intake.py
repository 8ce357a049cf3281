"""Intake: alarms.raw to alarms.changed. Every valid alarm event gets a decision, every other message a dead letter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from schemas.errors import InvalidEventError
from schemas.events import AlarmChanged, AlarmRaw, Decision
from schemas.metrics import ALARM_DECISIONS, MESSAGES
from schemas.registry_reading import read_event_as
from schemas.tracing import SpanName
from streams.messages import Message
from streams.spans import handling
from streams.triage.alarm_state import AlarmState, alarm_key, state_of
from streams.triage.dedup import Judgement, judge, release
from streams.triage.deps import TriageDeps
from streams.triage.expiry import Expiry
from streams.triage.outbox import Outgoing, send_all
from streams.triage.plausibility import check_times
from streams.triage.ports import StateStore
from streams.triage.refreshed import Refreshed
from streams.triage.settings import IntakeRules
from streams.triage.silences import silence_of

__all__ = ["Intake"]

_log = structlog.get_logger(__name__)

_STAGE = "intake"


@dataclass(slots=True)
class _Work:
    """What one batch leads to, before any of it is done."""

    outgoing: list[Outgoing] = field(default_factory=list)
    buried: list[tuple[Message, InvalidEventError]] = field(default_factory=list)
    states: dict[bytes, AlarmState | None] = field(default_factory=dict)
    partitions: dict[bytes, int] = field(default_factory=dict)

    def put(self, partition: int, key: bytes, state: AlarmState | None) -> None:
        self.states[key] = state
        self.partitions[key] = partition


class Intake:
    """The stage. One batch or tick at a time; `restore` after the store has been filled or partitions moved."""

    def __init__(self, store: StateStore, deps: TriageDeps, rules: IntakeRules) -> None:
        self._store = store
        self._publisher = deps.publisher
        self._dead_letters = deps.dead_letters
        self._clock = deps.clock
        self._recorder = deps.recorder
        self._tracing = deps.tracing
        self._registry = deps.registry
        self._silences = Refreshed(deps.control.silences, deps.clock)
        self._rules = rules
        self._lock = asyncio.Lock()
        self._expiry = Expiry(rules.forget_after_s)
        self._held: dict[bytes, int] = {}

    def restore(self) -> None:
        """Find again, in the store, what is held back and when each alarm is to be forgotten."""
        self._expiry = Expiry(self._rules.forget_after_s)
        self._held = {}
        for partition, key, value in self._store.entries():
            state = AlarmState.model_validate_json(value)
            self._expiry.note(partition, key, state.seen_at)
            self._note_held(partition, key, state)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Decide on each message, publish, then remember. Once it returns, all of it is durable."""
        async with self._lock:
            work = _Work()
            for message in batch:
                await self._take_in(message, work)
            self._forget({message.partition for message in batch}, work)
            await self._carry_out(work)

    async def tick(self) -> None:
        """Tell what silences and flapping held back, where they hold no more."""
        async with self._lock:
            work = _Work()
            for key, partition in list(self._held.items()):
                await self._release(partition, key, work)
            await self._carry_out(work)

    async def _take_in(self, message: Message, work: _Work) -> None:
        now = self._clock.now()
        try:
            alarm = await read_event_as(AlarmRaw, message.value, self._registry)
            check_times(alarm, now, self._rules)
        except InvalidEventError as error:
            work.buried.append((message, error))
            return
        await self._decide(alarm, message, work)

    async def _decide(self, alarm: AlarmRaw, message: Message, work: _Work) -> None:
        key = alarm_key(alarm.tenant, alarm.source, alarm.fingerprint)
        before = self._state(key, work)
        silence = silence_of(alarm, alarm.occurred_at, await self._silences.of(alarm.tenant))
        seen_at = max(alarm.occurred_at, message.at)
        judgement = judge(before, alarm, seen_at, silence, self._rules.flapping)
        if judgement.decision is None and before is not None:
            self._recorder.count(MESSAGES, stage=_STAGE, outcome="repeat")
            if judgement.state.seen_at - before.seen_at < self._expiry.refresh_after:
                return
        work.put(message.partition, key, judgement.state)
        self._expiry.note(message.partition, key, seen_at)
        if judgement.decision is not None:
            with handling(self._tracing, SpanName.INTAKE, message, alarm, alarm=alarm.event_id) as trace:
                self._tell(alarm, judgement, trace, work)

    def _tell(self, alarm: AlarmRaw, judgement: Judgement, trace: str, work: _Work) -> None:
        if judgement.decision is None:
            return
        event = _changed(alarm, judgement, judgement.decision, self._clock.now())
        work.outgoing.append(Outgoing(event, trace))
        self._recorder.count(ALARM_DECISIONS, decision=judgement.decision.value)
        _log.debug("alarm_decided", decision=judgement.decision.value, reason=judgement.reason)

    async def _release(self, partition: int, key: bytes, work: _Work) -> None:
        state = self._state(key, work)
        if state is None or state.held is None:
            del self._held[key]
            return
        # The alarm's own time goes on from its last message as ours does.
        at = state.as_of + (self._clock.now() - state.seen_at)
        silence = silence_of(state.held, at, await self._silences.of(state.held.tenant))
        released = release(state, at, silence, self._rules.flapping)
        if released is not None:
            work.put(partition, key, released.state)
            self._tell(state.held, released, "", work)

    def _forget(self, partitions: set[int], work: _Work) -> None:
        def seen_at(key: bytes) -> datetime | None:
            state = self._state(key, work)
            return None if state is None else state.seen_at

        for partition in partitions:
            for key in self._expiry.due(partition, seen_at):
                work.put(partition, key, None)

    async def _carry_out(self, work: _Work) -> None:
        await send_all(self._publisher, work.outgoing)
        await asyncio.gather(
            *(
                self._dead_letters.bury(message, stage=_STAGE, reason=error.reason, detail=str(error))
                for message, error in work.buried
            )
        )
        for key, state in work.states.items():
            partition = work.partitions[key]
            self._store.write(partition, {key: state.model_dump_json().encode() if state else None})
            self._note_held(partition, key, state)
        await self._store.settle()

    def _state(self, key: bytes, work: _Work) -> AlarmState | None:
        if key in work.states:
            return work.states[key]
        value = self._store.read(key)
        return None if value is None else state_of(value)

    def _note_held(self, partition: int, key: bytes, state: AlarmState | None) -> None:
        if state is not None and state.held is not None:
            self._held[key] = partition
        else:
            self._held.pop(key, None)


def _changed(alarm: AlarmRaw, judgement: Judgement, decision: Decision, now: datetime) -> AlarmChanged:
    return AlarmChanged(
        tenant=alarm.tenant,
        occurred_at=alarm.occurred_at,
        alarm_event_id=alarm.event_id,
        decision=decision,
        reason=judgement.reason,
        source=alarm.source,
        fingerprint=alarm.fingerprint,
        name=alarm.name,
        service=alarm.service,
        status=alarm.status,
        severity=alarm.severity,
        started_at=alarm.started_at,
        decided_at=now,
        entity=alarm.entity,
        host=alarm.host,
        indicator=alarm.indicator,
        value=alarm.value,
        summary=alarm.summary,
        labels=alarm.labels,
    )
