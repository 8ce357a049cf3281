"""One incident: its head and its alarms as values, and how they become an event. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.events import (
    AlarmChanged,
    AlarmStatus,
    Decision,
    Incident,
    IncidentAlarm,
    IncidentTransition,
    Record,
    Severity,
)
from schemas.events.base import Instant
from schemas.ids import incident_id
from streams.triage.settings import CorrelationRules

__all__ = [
    "SHOWN_ALARMS",
    "Head",
    "Member",
    "Phase",
    "due_at",
    "event_of",
    "is_newer",
    "is_past",
    "member_of",
    "opened",
    "worse_of",
]

SHOWN_ALARMS = 200
"""How many alarms an incident event carries."""

_RANK = {one: rank for rank, one in enumerate(reversed(Severity))}


class Phase(StrEnum):
    OPEN = "open"
    CLEARED = "cleared"
    MERGED = "merged"
    CLOSED = "closed"

    @property
    def is_over(self) -> bool:
        return self in (Phase.MERGED, Phase.CLOSED)


class Head(Record):
    """All of an incident but its alarms."""

    incident_id: str
    tenant: str
    partition: int
    """The partition of alarms.changed that its tenant's alarms come from."""
    phase: Phase = Phase.OPEN
    revision: int = 1
    opened_at: Instant
    """Event time of its first alarm's decision."""
    first_start: Instant
    last_start: Instant
    """Between these its alarms began."""
    latest_at: Instant | None = None
    """Event time of the latest that its alarms told; None: written before that was kept, then the last start stands for it."""
    updated_at: Instant
    """Processing time of the last change."""
    severity: Severity
    services: tuple[str, ...]
    merged_into: str = ""
    grew_at: Instant | None = None
    """Event time of the last growth, while no event has told of it."""

    def covers(self, started_at: datetime, window: timedelta) -> bool:
        """Whether an alarm that began then is near the incident in time."""
        return self.first_start - window <= started_at <= self.last_start + window


class Member(Record):
    """An alarm and the incident that it belongs to, the last one it belonged to when that is over."""

    incident_id: str
    partition: int
    as_of: Instant
    """Event time of the last change to the alarm."""
    alarm: IncidentAlarm


def opened(change: AlarmChanged, partition: int, now: datetime) -> Head:
    """The incident that this alarm opens, under an id that follows from the alarm event.

    One that went on firing, and gets worse when its incident is over, opens another: that has the moment in its id.
    """
    first = change.decision is Decision.OPENED
    cause = change.alarm_event_id if first else f"{change.alarm_event_id}@{change.occurred_at.isoformat()}"
    return Head(
        incident_id=incident_id(cause),
        tenant=change.tenant,
        partition=partition,
        opened_at=change.occurred_at,
        first_start=change.started_at,
        last_start=change.started_at,
        updated_at=now,
        severity=change.severity,
        services=(change.service,),
    )


def member_of(change: AlarmChanged, incident: str, partition: int, host: str) -> Member:
    alarm = IncidentAlarm(
        alarm_event_id=change.alarm_event_id,
        fingerprint=change.fingerprint,
        name=change.name,
        service=change.service,
        severity=change.severity,
        status=change.status,
        started_at=change.started_at,
        entity=change.entity,
        host=host,
        indicator=change.indicator,
        value=change.value,
        summary=change.summary,
    )
    return Member(incident_id=incident, partition=partition, as_of=change.occurred_at, alarm=alarm)


def is_newer(change: AlarmChanged, known: Member) -> bool:
    """Whether the change says something new: firings are ordered by start, a clear follows its firing.

    Of two severities of one firing the later told wins, at the same instant the worse.
    """
    alarm = known.alarm
    if change.started_at != alarm.started_at:
        return change.started_at > alarm.started_at
    if change.status is not alarm.status:
        return change.status is AlarmStatus.CLEARED
    if change.status is AlarmStatus.CLEARED or change.severity is alarm.severity:
        return False
    if change.occurred_at == known.as_of:
        return _RANK[change.severity] > _RANK[alarm.severity]
    return change.occurred_at > known.as_of


def worse_of(one: Severity, other: Severity) -> Severity:
    return max(one, other, key=_RANK.__getitem__)


def due_at(head: Head, rules: CorrelationRules) -> datetime:
    """When, without news, the next thing happens to the incident: it is closed, or forgotten."""
    wait = {
        Phase.OPEN: rules.idle_s,
        Phase.CLEARED: rules.quiet_s,
        Phase.MERGED: rules.keep_s,
        Phase.CLOSED: rules.keep_s,
    }
    return head.updated_at + timedelta(seconds=wait[head.phase])


def is_past(head: Head, at: datetime, rules: CorrelationRules) -> bool:
    """Whether the incident was over by its own clock when something happened at event time `at`.

    What is read late, or a replay, brings the news of days within minutes: nobody has waited in between. A cleared incident
    lasts as long as alarms of two clocks that belong together may be apart.
    """
    wait = {Phase.OPEN: rules.idle_s, Phase.CLEARED: rules.quiet_s + rules.window_s}
    latest = head.latest_at or head.last_start
    return head.phase in wait and at - latest > timedelta(seconds=wait[head.phase])


def event_of(
    head: Head,
    alarms: Iterable[IncidentAlarm],
    transition: IncidentTransition,
    occurred_at: datetime,
    *,
    counts: tuple[int, int],
) -> Incident:
    """The incident whole, after a transition; `counts` are its alarms and those of them that fire."""
    shown = heapq.nsmallest(SHOWN_ALARMS, alarms, key=lambda one: (one.started_at, one.alarm_event_id))
    return Incident(
        tenant=head.tenant,
        occurred_at=occurred_at,
        incident_id=head.incident_id,
        revision=head.revision,
        transition=transition,
        opened_at=head.opened_at,
        title=_title(shown, counts[0], len(head.services)),
        severity=head.severity,
        services=head.services,
        alarms=tuple(shown),
        alarm_count=counts[0],
        active_count=counts[1],
        merged_into=head.merged_into,
        updated_at=head.updated_at,
    )


def _title(alarms: list[IncidentAlarm], count: int, services: int) -> str:
    """Name the first of the worst alarms, and say how many there are besides."""
    worst = max(alarms, key=lambda one: _RANK[one.severity])
    title = f"{worst.name} on {worst.service}"
    if count == 1:
        return title
    more = "1 more alarm" if count == 2 else f"{count - 1} more alarms"
    return f"{title} and {more}" + (f" in {services} services" if services > 1 else "")
