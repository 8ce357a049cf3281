"""Trigger: incidents to investigations.requested, by policy, cooldown and limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import orjson
import structlog

from schemas.control import Policy, PolicyAction
from schemas.errors import InvalidEventError
from schemas.events import Incident, IncidentTransition, InvestigationRequested, Record
from schemas.metrics import TRIGGER_DECISIONS
from schemas.registry_reading import read_event_as
from schemas.tracing import SpanName
from streams.messages import Message
from streams.spans import handling
from streams.triage.cooldown import (
    Memory,
    Request,
    alarm_keys,
    incident_key,
    outgrown,
    pattern_key,
    recurs,
    service_key,
)
from streams.triage.deps import TriageDeps
from streams.triage.expiry import Expiry
from streams.triage.outbox import Outgoing, send_all
from streams.triage.policies import decide
from streams.triage.ports import StateStore
from streams.triage.refreshed import Refreshed
from streams.triage.requests import cancellation, request_of
from streams.triage.settings import TriggerRules

__all__ = ["Trigger"]

_log = structlog.get_logger(__name__)

_STAGE = "trigger"
_ALIVE = frozenset({IncidentTransition.OPENED, IncidentTransition.GREW})

_R = TypeVar("_R", bound=Record)


@dataclass(frozen=True, slots=True)
class _News:
    """One incident event, and where and when it came."""

    incident: Incident
    partition: int
    seen_at: datetime
    trace: str


@dataclass(slots=True)
class _Work:
    """What one batch leads to, before any of it is done."""

    outgoing: list[Outgoing] = field(default_factory=list)
    writes: dict[bytes, tuple[int, bytes | None]] = field(default_factory=dict)


class Trigger:
    """The stage. `restore` after the store has been filled or partitions moved.

    An incident is investigated once, however it grows; again only when it comes back after it had cleared.
    """

    def __init__(self, store: StateStore, deps: TriageDeps, rules: TriggerRules) -> None:
        self._store = store
        self._publisher = deps.publisher
        self._dead_letters = deps.dead_letters
        self._clock = deps.clock
        self._recorder = deps.recorder
        self._tracing = deps.tracing
        self._registry = deps.registry
        self._policies = Refreshed(deps.control.policies, deps.clock)
        self._admission = deps.admission
        self._rules = rules
        self._lock = asyncio.Lock()
        self._expiry = Expiry(rules.forget_after_s)

    def restore(self) -> None:
        """Find again, in the store, when each memory is to be forgotten."""
        self._expiry = Expiry(self._rules.forget_after_s)
        for partition, key, value in self._store.entries():
            self._expiry.note(partition, key, _seen_at(value))

    async def handle(self, batch: Sequence[Message]) -> None:
        """Decide about each incident event, publish, then remember: all durable at the end."""
        async with self._lock:
            work = _Work()
            for message in batch:
                await self._take_in(message, work)
            self._forget({message.partition for message in batch}, work)
            await self._carry_out(work)

    async def _take_in(self, message: Message, work: _Work) -> None:
        try:
            incident = await read_event_as(Incident, message.value, self._registry)
        except InvalidEventError as error:
            await self._dead_letters.bury(message, stage=_STAGE, reason=error.reason, detail=str(error))
            return
        seen_at = max(incident.occurred_at, message.at)
        bound = {"incident": incident.incident_id}
        with handling(self._tracing, SpanName.TRIGGER, message, incident, **bound) as trace:
            news = _News(incident, message.partition, seen_at, trace)
            await self._react(news, work)

    async def _react(self, news: _News, work: _Work) -> None:
        request = self._load(Request, incident_key(news.incident), work)
        if request is not None and news.incident.revision <= request.revision:
            return
        if news.incident.transition not in _ALIVE:
            self._cancel(news, request, work)
        elif request is None or request.cancelled or outgrown(news.incident, request):
            await self._consider(news, request, work)
        else:
            self._remember_pattern(news, request, work)

    def _cancel(self, news: _News, request: Request | None, work: _Work) -> None:
        if request is None or request.cancelled:
            return
        self._send(cancellation(news.incident, request, self._clock.now()), news, work)
        noted = {"cancelled": True, "revision": news.incident.revision, "seen_at": news.seen_at}
        cancelled = request.model_copy(update=noted)
        self._save(news, incident_key(news.incident), cancelled, work)
        self._note("cancel", "")

    async def _consider(self, news: _News, earlier: Request | None, work: _Work) -> None:
        policy = decide(news.incident, await self._policies.of(news.incident.tenant))
        self._note(policy.action.value, policy.policy_id)
        if policy.action is PolicyAction.IGNORE:
            return
        if policy.action is PolicyAction.ATTACH and self._is_attached(news.incident, policy, work):
            return
        await self._request(news, policy, earlier, work)

    async def _request(self, news: _News, policy: Policy, earlier: Request | None, work: _Work) -> None:
        incident = news.incident
        memory = self._recalled(incident, policy, work)
        root = _root(earlier, memory)
        verdict = await self._admission.admit(incident.tenant, incident)
        asked = request_of(
            incident,
            policy,
            verdict,
            self._clock.now(),
            recurrence_of=root,
            looked_until=earlier.seen_until if earlier else None,
        )
        request = Request(
            investigation_id=asked.investigation_id,
            root=root or asked.investigation_id,
            policy=asked.policy,
            revision=incident.revision,
            at=incident.occurred_at,
            seen_until=incident.occurred_at + timedelta(seconds=policy.observe_s),
            alarm_count=incident.alarm_count,
            rounds=earlier.rounds + 1 if earlier else 1,
            seen_at=news.seen_at,
        )
        self._send(asked, news, work)
        self._save(news, incident_key(incident), request, work)
        self._remember_pattern(news, request, work)
        _log.info("investigation_requested", investigation=asked.investigation_id, kind=asked.kind.value)

    def _recalled(self, incident: Incident, policy: Policy, work: _Work) -> Memory | None:
        """The last investigation of this pattern; else of an incident in which each of these alarms took part.

        A storm seldom begins with the same alarm twice. The answer from memory is checked against today's evidence.
        """
        exact = self._load(Memory, pattern_key(incident), work)
        if recurs(incident, exact, policy):
            return exact
        parts = [self._load(Memory, key, work) for key in alarm_keys(incident)]
        known = {
            one.investigation_id: one for one in parts if one is not None and recurs(incident, one, policy)
        }
        return next(iter(known.values())) if len(known) == 1 and None not in parts else None

    def _is_attached(self, incident: Incident, policy: Policy, work: _Work) -> bool:
        """Whether one of its services was investigated for another incident, recently enough to speak for this one."""
        memories = (self._load(Memory, service_key(incident.tenant, one), work) for one in incident.services)
        return any(recurs(incident, memory, policy) for memory in memories)

    def _remember_pattern(self, news: _News, request: Request, work: _Work) -> None:
        """Under the signature that the incident has by now, and under each of its services."""
        incident = news.incident
        memory = Memory(
            investigation_id=request.root,
            incident_id=incident.incident_id,
            at=request.at,
            seen_at=news.seen_at,
        )
        services = (service_key(incident.tenant, one) for one in incident.services)
        for key in (pattern_key(incident), *alarm_keys(incident), *services):
            known = self._load(Memory, key, work)
            if known is None or (known.at <= memory.at and known.incident_id != memory.incident_id):
                self._save(news, key, memory, work)

    def _send(self, event: InvestigationRequested, news: _News, work: _Work) -> None:
        work.outgoing.append(Outgoing(event, news.trace))

    def _note(self, action: str, policy: str) -> None:
        self._recorder.count(TRIGGER_DECISIONS, action=action)
        _log.debug("incident_decided", action=action, policy=policy)

    def _load(self, record: type[_R], key: bytes, work: _Work) -> _R | None:
        value = self._value(key, work)
        return None if value is None else record.model_validate_json(value)

    def _value(self, key: bytes, work: _Work) -> bytes | None:
        return work.writes[key][1] if key in work.writes else self._store.read(key)

    def _save(self, news: _News, key: bytes, record: Record, work: _Work) -> None:
        work.writes[key] = (news.partition, record.model_dump_json().encode())
        self._expiry.note(news.partition, key, news.seen_at)

    def _forget(self, partitions: set[int], work: _Work) -> None:
        def seen_at(key: bytes) -> datetime | None:
            value = self._value(key, work)
            return None if value is None else _seen_at(value)

        for partition in partitions:
            for key in self._expiry.due(partition, seen_at):
                work.writes[key] = (partition, None)

    async def _carry_out(self, work: _Work) -> None:
        await send_all(self._publisher, work.outgoing)
        for key, (partition, value) in work.writes.items():
            self._store.write(partition, {key: value})
        await self._store.settle()


def _seen_at(value: bytes) -> datetime:
    return datetime.fromisoformat(orjson.loads(value)["seen_at"])


def _root(earlier: Request | None, memory: Memory | None) -> str:
    """Whose answer to check first: that of a like incident, or this one's own before it cleared; else nobody's."""
    if memory is not None:
        return memory.investigation_id
    return earlier.root if earlier and earlier.cancelled else ""
