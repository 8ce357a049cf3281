"""A request to investigate that a person makes: for a service at a time, without an alarm."""

from __future__ import annotations

from datetime import datetime

from schemas import ids
from schemas.events import (
    AlarmStatus,
    Incident,
    IncidentAlarm,
    IncidentTransition,
    InvestigationRequested,
    RequestKind,
    Severity,
)

__all__ = ["manual_request"]

_NAME = "asked by hand"


def manual_request(
    tenant: str, service: str, at: datetime, *, observe_s: float = 20.0
) -> InvestigationRequested:
    """Return a request whose incident has one alarm that nobody raised; the ids follow from service and time."""
    alarm_event = ids.alarm_event_id(tenant, "manual", service, AlarmStatus.FIRING.value, at)
    alarm = IncidentAlarm(
        alarm_event_id=alarm_event,
        fingerprint=service,
        name=_NAME,
        service=service,
        severity=Severity.WARNING,
        status=AlarmStatus.FIRING,
        started_at=at,
        summary="No alarm: somebody wants to know.",
    )
    incident = Incident(
        tenant=tenant,
        occurred_at=at,
        incident_id=ids.incident_id(alarm_event),
        revision=1,
        transition=IncidentTransition.OPENED,
        opened_at=at,
        title=f"{service}, {_NAME}",
        severity=alarm.severity,
        services=(service,),
        alarms=(alarm,),
        alarm_count=1,
        active_count=1,
        updated_at=at,
    )
    return InvestigationRequested(
        tenant=tenant,
        occurred_at=at,
        investigation_id=ids.investigation_id(incident.incident_id, incident.revision),
        incident=incident,
        kind=RequestKind.MANUAL,
        policy="manual@1",
        reason="asked by hand",
        priority=80,
        observe_s=observe_s,
        requested_at=at,
    )
