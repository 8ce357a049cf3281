# ruff: noqa: ARG002 - the signatures are the ports'
"""The ports in memory: what `tocsin eval` and the tests run on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from agents.analysis.findings import Source
from agents.analysis.signals import (
    IncidentData,
)
from agents.investigation.context import InvestigationPorts
from agents.investigation.memory_windows import MemoryWindows, in_memory
from agents.investigation.settings import InvestigationSettings
from agents.investigation.state import UNKNOWN_SERVICE
from agents.ports import Admitted, BudgetLevel, Denied, Fetched, Landed, Published, Trouble
from schemas import ids
from schemas.control import Runbook
from schemas.events.alarm import AlarmStatus, Severity
from schemas.events.incident import Incident, IncidentAlarm
from schemas.events.investigation import InvestigationRequested, RequestKind
from schemas.events.report import Feedback, Report

__all__ = [
    "AlwaysFresh",
    "AlwaysHeld",
    "CollectingPublisher",
    "MemoryHistory",
    "MemoryRunbooks",
    "MemoryWindows",
    "NeverCancelled",
    "OpenDoor",
    "SystemClock",
    "memory_ports",
    "request_for",
    "settings_for",
]


@dataclass(slots=True)
class CollectingPublisher:
    """Keeps what is published, once an id, the latest as it was published; `order` has every publication."""

    order: list[Published] = field(default_factory=list)

    async def publish(self, *events: Published) -> None:
        self.order.extend(events)

    @property
    def events(self) -> Mapping[str, Published]:
        return {event.event_id: event for event in self.order}


@dataclass(slots=True)
class MemoryHistory:
    reports: list[Report] = field(default_factory=list)
    said: list[Feedback] = field(default_factory=list)
    known_troubles: list[Trouble] = field(default_factory=list)

    async def report(self, tenant: str, investigation_id: str) -> Report | None:
        own = [r for r in self.reports if r.tenant == tenant and r.investigation_id == investigation_id]
        return max(own, key=lambda report: report.revision, default=None)

    async def reports_about(
        self, tenant: str, services: Sequence[str], before: datetime, limit: int
    ) -> Fetched[Report]:
        found = [
            report
            for report in self.reports
            if report.tenant == tenant
            and set(report.services) & set(services)
            and report.finished_at < before
        ]
        newest = sorted(found, key=lambda report: report.finished_at, reverse=True)[:limit]
        return in_memory("reports", tuple(newest), len(newest))

    async def troubles(
        self, tenant: str, services: Sequence[str], start: datetime, end: datetime
    ) -> Fetched[Trouble]:
        found = tuple(
            one for one in self.known_troubles if one.since < end and (one.until is None or one.until > start)
        )
        return in_memory("troubles", found, len(found))

    async def feedback(self, tenant: str, investigation_ids: Sequence[str]) -> tuple[Feedback, ...]:
        return tuple(
            one for one in self.said if one.tenant == tenant and one.investigation_id in investigation_ids
        )


@dataclass(frozen=True, slots=True)
class MemoryRunbooks:
    known: tuple[Runbook, ...] = ()

    async def runbooks(self, tenant: str) -> tuple[Runbook, ...]:
        return tuple(book for book in self.known if book.tenant == tenant)


class AlwaysFresh:
    """Data in memory have landed."""

    async def landed_until(self, tenant: str, sources: Sequence[Source]) -> Mapping[Source, Landed]:
        return {}


class AlwaysHeld:
    async def still_held(self) -> bool:
        return True

    def idle(self) -> AbstractContextManager[None]:
        return nullcontext()


class NeverCancelled:
    async def reason(self, tenant: str, investigation_id: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """Admits everybody at one level."""

    budget: BudgetLevel = BudgetLevel.NORMAL

    async def admit(self, request: InvestigationRequested) -> Admitted | Denied:
        return Admitted(self.budget)

    async def level(self, tenant: str) -> BudgetLevel:
        return self.budget


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(tz=UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


def settings_for(data: IncidentData, base: InvestigationSettings | None = None) -> InvestigationSettings:
    """Return settings that look at exactly the window of the data, once."""
    window = data.window
    chosen = {
        "baseline_s": max(window.start - window.baseline_start, 1e-3),
        "lead_s": window.alarm_at - window.start,
        "max_widenings": 0,
    }
    return (base or InvestigationSettings()).model_copy(update=chosen)


def request_for(
    data: IncidentData,
    tenant: str = "local",
    case: str = "case",
    *,
    alarmed: bool = True,
    told_at: datetime | None = None,
) -> InvestigationRequested:
    """Return the request that the data's alarm would make: one incident with one alarm, observed to the window's end.

    Where nobody was `alarmed`, it is that of a person who wants to know. `told_at` is when it was made; None is at the alarm.
    """
    at = datetime.fromtimestamp(data.window.alarm_at, tz=UTC)
    service = data.alarm_service or UNKNOWN_SERVICE
    event = ids.alarm_event_id(tenant, "memory", case, AlarmStatus.FIRING.value, at)
    alarm = IncidentAlarm(
        alarm_event_id=event,
        fingerprint=case,
        name=data.alarm_indicator or "alarm",
        service=service,
        severity=Severity.MAJOR,
        status=AlarmStatus.FIRING,
        started_at=at,
        indicator=data.alarm_indicator,
    )
    incident = Incident.opened_by(alarm, tenant, f"{alarm.name} on {service}")
    return InvestigationRequested(
        tenant=tenant,
        occurred_at=at,
        investigation_id=ids.investigation_id(incident.incident_id, incident.revision),
        incident=incident,
        kind=RequestKind.TRIGGER if alarmed else RequestKind.MANUAL,
        policy="memory@1",
        observe_s=data.window.end - data.window.alarm_at,
        requested_at=told_at or at,
    )


def memory_ports(data: IncidentData, settings: InvestigationSettings | None = None) -> InvestigationPorts:
    """Return ports over the data alone: nothing is refused, cancelled or late, and no model is asked."""
    return InvestigationPorts(
        windows=MemoryWindows(data),
        history=MemoryHistory(),
        runbooks=MemoryRunbooks(),
        freshness=AlwaysFresh(),
        publisher=CollectingPublisher(),
        admission=OpenDoor(),
        lease=AlwaysHeld(),
        cancellation=NeverCancelled(),
        clock=SystemClock(),
        settings=settings or settings_for(data),
        candidates=data.candidates,
    )
