"""incidents: alarms that belong together, and what became of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field

from schemas import ids
from schemas.events.alarm import AlarmStatus, Severity
from schemas.events.base import Event, Instant, Name, Record

__all__ = ["Incident", "IncidentAlarm", "IncidentTransition"]


class IncidentTransition(StrEnum):
    """What happened to the incident. After `merged` and `closed` it is over."""

    OPENED = "opened"
    GREW = "grew"
    MERGED = "merged"
    CLEARED = "cleared"
    CLOSED = "closed"


class IncidentAlarm(Record):
    """An alarm in an incident, as short as the investigation can live with."""

    alarm_event_id: str
    fingerprint: Name
    name: Name
    service: Name
    severity: Severity
    status: AlarmStatus
    started_at: Instant
    entity: str = ""
    host: str = ""
    indicator: str = ""
    value: float | None = None
    summary: str = ""


class Incident(Event):
    """An incident after one transition, whole. `occurred_at` is the event time of what caused the transition."""

    TOPIC: ClassVar[str] = "incidents"
    TYPE: ClassVar[str] = "io.tocsin.incident"

    incident_id: str
    revision: Annotated[int, Field(ge=1)]
    """Grows with each change; growth within one batch of alarms is told once, so numbers may be left out."""
    transition: IncidentTransition
    opened_at: Instant
    title: str
    severity: Severity
    """The worst severity of its alarms so far."""
    services: tuple[str, ...]
    """Services with alarms, in order of first appearance."""
    alarms: tuple[IncidentAlarm, ...]
    """In order of start; at most the first 200, `alarm_count` has them all."""
    alarm_count: Annotated[int, Field(ge=1)]
    active_count: Annotated[int, Field(ge=0)]
    merged_into: str = ""
    """The incident that took these alarms over, after `merged`."""
    updated_at: Instant
    """Processing time of the transition."""

    @classmethod
    def opened_by(cls, alarm: IncidentAlarm, tenant: str, title: str) -> Self:
        """Return the incident that this alarm alone opens when it starts; its id follows from the alarm's."""
        at = alarm.started_at
        return cls(
            tenant=tenant,
            occurred_at=at,
            incident_id=ids.incident_id(alarm.alarm_event_id),
            revision=1,
            transition=IncidentTransition.OPENED,
            opened_at=at,
            title=title,
            severity=alarm.severity,
            services=(alarm.service,),
            alarms=(alarm,),
            alarm_count=1,
            active_count=1,
            updated_at=at,
        )

    def derive_id(self) -> str:
        return ids.incident_event_id(self.incident_id, self.revision, self.transition.value)

    @property
    def subject(self) -> str:
        return self.incident_id
