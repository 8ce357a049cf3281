"""In-memory leases, markers and a scripted investigator, for tests of the investigate role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.errors import UnavailableError
from schemas.events import (
    AlarmStatus,
    Event,
    Incident,
    IncidentAlarm,
    IncidentTransition,
    InvestigationRequested,
    InvestigationStatus,
    RequestKind,
    Severity,
)
from schemas.outcomes import Done, Outcome
from streams.ports import Run

__all__ = ["Events", "MemoryLease", "MemoryMarkers", "Scripted", "request"]

AT = datetime(2026, 1, 1, tzinfo=UTC)


def request(
    number: int = 1,
    *,
    kind: RequestKind = RequestKind.TRIGGER,
    not_before: datetime | None = None,
    reason: str = "",
    priority: int = 50,
) -> InvestigationRequested:
    """The request for investigation `inv_<number>` of incident `inc_<number>`."""
    alarm = IncidentAlarm(
        alarm_event_id=f"alm_{number}",
        fingerprint="f",
        name="HighErrorRate",
        service="cart",
        severity=Severity.MAJOR,
        status=AlarmStatus.FIRING,
        started_at=AT,
    )
    incident = Incident(
        tenant="acme",
        occurred_at=AT,
        incident_id=f"inc_{number}",
        revision=1,
        transition=IncidentTransition.OPENED,
        opened_at=AT,
        title="cart fails",
        severity=Severity.MAJOR,
        services=("cart",),
        alarms=(alarm,),
        alarm_count=1,
        active_count=1,
        updated_at=AT,
    )
    return InvestigationRequested(
        tenant="acme",
        occurred_at=AT,
        investigation_id=f"inv_{number}",
        incident=incident,
        kind=kind,
        policy="default@1",
        reason=reason,
        priority=priority,
        not_before=not_before,
        requested_at=AT,
    )


@dataclass
class MemoryLease:
    """A lease that only `free` or its holder ends; `away` makes it unreachable, `stolen` refuses renewals."""

    ttl_s: float = 0.06
    held: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    renewals: int = 0
    away: bool = False
    stolen: bool = False

    async def acquire(self, investigation_id: str) -> int | None:
        self._reach()
        if investigation_id in self.held:
            return None
        self.tokens += 1
        self.held[investigation_id] = self.tokens
        return self.tokens

    async def renew(self, investigation_id: str, token: int) -> bool:
        self._reach()
        self.renewals += 1
        return not self.stolen and self.held.get(investigation_id) == token

    async def release(self, investigation_id: str, token: int) -> None:
        self._reach()
        if self.held.get(investigation_id) == token:
            del self.held[investigation_id]

    def _reach(self) -> None:
        if self.away:
            raise UnavailableError("no Redis")


@dataclass
class MemoryMarkers:
    done: set[str] = field(default_factory=set)
    attempts: dict[str, int] = field(default_factory=dict)

    async def is_done(self, investigation_id: str) -> bool:
        return investigation_id in self.done

    async def mark_done(self, investigation_id: str) -> None:
        self.done.add(investigation_id)

    async def was_started(self, investigation_id: str) -> bool:
        return self.attempts.get(investigation_id, 0) > 0

    async def next_attempt(self, investigation_id: str) -> int:
        self.attempts[investigation_id] = self.attempts.get(investigation_id, 0) + 1
        return self.attempts[investigation_id]


@dataclass
class Events:
    """A Publisher that remembers."""

    events: list[Event] = field(default_factory=list)

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        self.events.append(event)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        self.events += events

    @property
    def states(self) -> list[str]:
        return [one.state.value for one in self.events if isinstance(one, InvestigationStatus)]


@dataclass
class Scripted:
    """An Investigator that does what the test says and remembers its runs."""

    script: Callable[[Run], Awaitable[Outcome]] | None = None
    runs: list[tuple[str, int, int]] = field(default_factory=list)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def investigate(self, request: InvestigationRequested, run: Run) -> Outcome:
        self.runs.append((request.investigation_id, run.attempt, run.fencing_token))
        self.started.set()
        return await self.script(run) if self.script else Done()
