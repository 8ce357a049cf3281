"""Events made of others."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas import ids
from schemas.events import AlarmStatus, Incident, IncidentAlarm, Severity


def test_an_alarm_by_itself_opens_an_incident_named_after_it() -> None:
    alarm = IncidentAlarm(
        alarm_event_id="alm_1",
        fingerprint="f",
        name="HighErrorRate",
        service="cart",
        severity=Severity.MINOR,
        status=AlarmStatus.FIRING,
        started_at=datetime(2026, 1, 1, 12, tzinfo=UTC),
    )
    opened = Incident.opened_by(alarm, "acme", "cart fails")
    assert opened.incident_id == ids.incident_id("alm_1")
    assert opened.event_id == ids.incident_event_id(opened.incident_id, 1, "opened")
    assert (opened.tenant, opened.title, opened.severity) == ("acme", "cart fails", Severity.MINOR)
    assert (opened.alarms, opened.services) == ((alarm,), ("cart",))
    assert (opened.alarm_count, opened.active_count, opened.revision) == (1, 1, 1)
    assert opened.occurred_at == opened.opened_at == opened.updated_at == alarm.started_at
