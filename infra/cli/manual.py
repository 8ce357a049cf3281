"""A request to investigate that a person makes: for a service at a time, without an alarm."""

from __future__ import annotations

from datetime import datetime

from schemas import ids
from schemas.events import (
    AlarmStatus,
    Incident,
    IncidentAlarm,
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
    incident = Incident.opened_by(alarm, tenant, f"{service}, {_NAME}")
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
