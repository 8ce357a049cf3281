"""A month of several tenants, straight into the tables: landed for the first, copied under other names for the rest.

The copies share incident and investigation ids with the first: an answer of another tenant's would look right but for
the tenant's name, which is in every title, headline, statement and service.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from schemas.events import (
    AlarmRaw,
    CostEntry,
    Event,
    Evidence,
    Incident,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    Report,
    Severity,
)
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.migrate import Migrator, load_migrations
from tests.fakes import full_events as full
from tests.fakes.events import incident_of
from tests.integration.sinks.samples import FixedClock, messages

__all__ = ["SERVICES", "Past", "fill", "keep_landing", "tenant_called"]

SERVICES: Final = tuple(f"service-{number:02}" for number in range(20))
_NAMES: Final = ("HighLatency", "HighErrorRate", "Saturated", "QueueGrows", "PodRestarts")
_SEVERITIES: Final = (Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.WARNING)
_MONTH: Final = timedelta(days=29)
_ALARMS = 3
_EVERY = 10
"""One in so many incidents was investigated."""
_STEPS: Final = ("guard", "plan", "gather", "rank")
_FINDINGS, _COSTS = 5, 4
_STILL_OPEN = 50
_BATCH = 5_000
_COPIED: Final = {
    "incidents": ("title", "services", "document"),
    "alarms": ("service", "summary"),
    "alarm_decisions": ("service", "summary"),
    "investigation_requests": ("document",),
    "investigation_status": ("message",),
    "evidence": ("service", "finding", "statement", "query", "data"),
    "reports": ("headline", "services", "document"),
    "costs": ("service",),
}
"""By table, the columns that name the tenant beside `tenant` itself."""
_LISTS: Final = {"services": "Array(LowCardinality(String))"}


@dataclass(frozen=True, slots=True)
class Past:
    """What there is in each tenant, the newest first: ids of incidents, of those investigated, and of investigations."""

    tenants: tuple[str, ...]
    incidents: tuple[str, ...]
    investigations: tuple[str, ...]


def tenant_called(number: int) -> str:
    return f"tenant-{number}"


async def fill(clickhouse: ClickHouse, *, tenants: int, incidents: int) -> Past:
    """Make the tables and land `incidents` incidents, with all that hangs on them, in each of `tenants` tenants."""
    now = datetime.now(UTC)
    await Migrator(clickhouse, lambda: now, load_migrations()).up()
    first = tenant_called(0)
    landing = ClickHouseLanding(clickhouse, FixedRetention(90), FixedClock(now), epoch="bench")
    made = list(_past(first, incidents, now))
    for topic, events in _by_topic(made):
        await _land(landing, topic, events)
    names = tuple(tenant_called(number) for number in range(tenants))
    for name in names[1:]:
        await _copy(clickhouse, first, name)
    asked = [one for one in made if isinstance(one, InvestigationRequested)]
    return Past(
        names,
        tuple(one.incident_id for one in made if isinstance(one, Incident) and one.revision == 1),
        tuple(one.investigation_id for one in asked),
    )


async def keep_landing(clickhouse: ClickHouse, past: Past, every_s: float) -> None:
    """Land an incident with its alarms, of one tenant after another, again and again: until cancelled."""
    for number in itertools.count():
        tenant, now = past.tenants[number % len(past.tenants)], datetime.now(UTC)
        landing = ClickHouseLanding(clickhouse, FixedRetention(90), FixedClock(now), epoch=f"live-{number}")
        made = list(_incident(tenant, 10_000_001 + number * _EVERY, now))
        for topic, events in _by_topic(made):
            await _land(landing, topic, events)
        await asyncio.sleep(every_s)


def _by_topic(made: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    for topic, events in groupby(sorted(made, key=lambda one: one.TOPIC), key=lambda one: one.TOPIC):
        yield topic, list(events)


async def _land(landing: ClickHouseLanding, topic: str, events: Sequence[Event]) -> None:
    for first in range(0, len(events), _BATCH):
        batch = messages(events[first : first + _BATCH], first=first)
        await landing.insert(topic, batch, f"{topic}:0:{first}-{first + len(batch) - 1}")


async def _copy(clickhouse: ClickHouse, first: str, name: str) -> None:
    for table, columns in _COPIED.items():
        renamed = ", ".join(f"{_renamed(column, first, name)} AS {column}" for column in columns)
        # The condition has a query of its own: beside the replaced columns it would see those.
        await clickhouse.execute(
            f"INSERT INTO {table} SELECT * REPLACE('{name}' AS tenant, {renamed}) "  # noqa: S608 - our own names
            f"FROM (SELECT * FROM {table} WHERE tenant = '{first}')"
        )


def _renamed(column: str, first: str, name: str) -> str:
    if column in _LISTS:
        return f"CAST(replaceAll(toString({column}), '{first}', '{name}'), '{_LISTS[column]}')"
    return f"replaceAll({column}, '{first}', '{name}')"


def _past(tenant: str, incidents: int, now: datetime) -> Iterator[Event]:
    """The newest first."""
    apart = _MONTH / incidents
    for number in range(incidents):
        yield from _incident(tenant, number, now - apart * number - timedelta(minutes=5))


def _incident(tenant: str, number: int, at: datetime) -> Iterable[Event]:
    alarms = [_alarm(tenant, number + step, at + timedelta(seconds=10 * step)) for step in range(_ALARMS)]
    opened = incident_of(
        *alarms, revision=1, transition=IncidentTransition.OPENED, incident_id=f"inc-{number:06}"
    )
    yield from alarms
    for alarm in alarms:
        yield full.decision(alarm, occurred_at=at, decided_at=at, reason="opened an incident")
    yield opened
    if number >= _STILL_OPEN:
        ended = {"occurred_at": at + timedelta(minutes=4), "updated_at": at + timedelta(minutes=4)}
        changes = {"transition": IncidentTransition.CLOSED, "revision": 2, "active_count": 0, "event_id": ""}
        yield Incident.model_validate(opened.model_dump() | ended | changes)
    if number % _EVERY == 0:
        yield from _investigation(opened, f"inv-{number:06}", at)


def _alarm(tenant: str, number: int, at: datetime) -> AlarmRaw:
    service = SERVICES[number % len(SERVICES)]
    name = _NAMES[number % len(_NAMES)]
    return full.alarm(
        tenant,
        name=name,
        service=f"{service}.{tenant}",
        fingerprint=f"{name}/{service}",
        severity=_SEVERITIES[number % len(_SEVERITIES)],
        occurred_at=at,
        started_at=at,
        received_at=at,
        summary=f"{name} of {service} of {tenant} for two minutes",
    )


def _investigation(incident: Incident, name: str, at: datetime) -> Iterable[Event]:
    tenant, service = incident.tenant, incident.services[0]
    about = {"investigation_id": name, "incident_id": incident.incident_id}
    began, ended = at + timedelta(seconds=30), at + timedelta(seconds=90)
    yield full.request(
        tenant, name, incident=incident, occurred_at=at, requested_at=began, reason="default", not_before=None
    )
    for step, share in zip(_STEPS, (0.1, 0.2, 0.5, 0.9), strict=True):
        yield _said(tenant, about, occurred_at=began, step=step, progress=share)
    done = InvestigationState.COMPLETED
    yield _said(tenant, about, occurred_at=ended, step="summarise", progress=1.0, state=done)
    for number in range(_FINDINGS):
        yield _finding(tenant, service, about, began, number)
    for number in range(_COSTS):
        yield _cost(tenant, service, about, began, number)
    yield _report(tenant, service, about, ended)


def _said(tenant: str, about: dict[str, str], **changes: object) -> InvestigationStatus:
    values: dict[str, Any] = {"state": InvestigationState.RUNNING, "attempt": 1, **about, **changes}
    return full.status(tenant, message=f"{values['step']} for {tenant}", **values)


def _finding(tenant: str, service: str, about: dict[str, str], at: datetime, number: int) -> Evidence:
    statement = f"the latency of {service} rose from 12 to {40 + number} ms, 50 s before the first alarm"
    return full.evidence(
        tenant,
        **about,
        occurred_at=at,
        finding=f"{service}|latency|{number}",
        service=service,
        indicator="latency_p95",
        statement=statement,
        score=7.0 - number,
        window_start=at - timedelta(minutes=30),
        window_end=at,
        query=f"SELECT time, value FROM kpis WHERE tenant = '{tenant}' AND service = '{service}'",  # noqa: S608 - shown only
        data=f'{{"service": "{service}", "before": 12.0, "after": {40 + number}.0}}',
    )


def _cost(tenant: str, service: str, about: dict[str, str], at: datetime, number: int) -> CostEntry:
    return full.cost(
        tenant, **about, occurred_at=at, service=service, step=_STEPS[number], cost_nano_usd=5_000 + number
    )


def _report(tenant: str, service: str, about: dict[str, str], at: datetime) -> Report:
    headline = f"the latency of {service} rose first"
    return full.report(
        tenant,
        **about,
        occurred_at=at,
        finished_at=at,
        started_at=at - timedelta(minutes=1),
        services=(service,),
        headline=headline,
        summary=headline,
        markdown=f"# {headline}\n\n"
        + "\n".join(f"- what was seen of {service}, line {line}" for line in range(20)),
    )
