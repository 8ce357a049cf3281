"""Plausible events: what is not said is as everywhere; `changes` replace fields.

Full ones, with every field filled, are in `full_events`; any valid ones are drawn by `drawn_events`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import AlarmRaw, Incident, IncidentAlarm, IncidentTransition

__all__ = ["EPOCH", "alarm", "incident_alarm", "incident_of", "later"]

EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""A Sunday noon: the time of events that do not say otherwise."""


def alarm(name: str = "HighErrorRate", service: str = "cart", **changes: Any) -> AlarmRaw:
    """Return a firing alarm of the service; `changes` replace fields."""
    values: dict[str, Any] = {
        "tenant": "acme",
        "occurred_at": EPOCH,
        "source": "alertmanager",
        "fingerprint": f"{name}/{service}",
        "name": name,
        "service": service,
        "started_at": EPOCH,
        **changes,
    }
    return AlarmRaw(**values)


def incident_alarm(raw: AlarmRaw) -> IncidentAlarm:
    """Return the alarm as a member of an incident."""
    shared = raw.model_dump(include=set(IncidentAlarm.model_fields))
    return IncidentAlarm.model_validate({**shared, "alarm_event_id": raw.event_id})


def incident_of(*alarms: AlarmRaw, **changes: Any) -> Incident:
    """Return the incident that these alarms opened."""
    values: dict[str, Any] = {
        "tenant": alarms[0].tenant,
        "occurred_at": alarms[-1].occurred_at,
        "incident_id": f"inc_{alarms[0].event_id}",
        "revision": len(alarms),
        "transition": IncidentTransition.OPENED if len(alarms) == 1 else IncidentTransition.GREW,
        "opened_at": alarms[0].started_at,
        "title": f"{alarms[0].name} on {alarms[0].service}",
        "severity": alarms[0].severity,
        "services": tuple(dict.fromkeys(one.service for one in alarms)),
        "alarms": tuple(incident_alarm(one) for one in alarms),
        "alarm_count": len(alarms),
        "active_count": len(alarms),
        "updated_at": alarms[-1].occurred_at,
        **changes,
    }
    return Incident(**values)


def later(seconds: float) -> datetime:
    """Return the instant that many seconds after EPOCH."""
    return EPOCH + timedelta(seconds=seconds)
