from __future__ import annotations

from datetime import timedelta

from agents.investigation.state import first_alarm_at
from schemas.events import InvestigationRequested
from tests.fakes.events import EPOCH, alarm, incident_of, later


def _request(**changes: object) -> InvestigationRequested:
    alarms = [alarm(f"A{n}", started_at=later(60.0 * n), occurred_at=later(60.0 * n)) for n in range(5)]
    values = {
        "tenant": "acme",
        "occurred_at": EPOCH,
        "investigation_id": "inv",
        "policy": "p@1",
        "requested_at": EPOCH,
    }
    return InvestigationRequested.model_validate({**values, "incident": incident_of(*alarms), **changes})


def test_the_first_look_begins_at_the_first_alarm() -> None:
    assert first_alarm_at(_request()) == EPOCH


def test_a_later_look_begins_at_the_first_alarm_that_was_not_seen() -> None:
    assert first_alarm_at(_request(looked_until=later(150.0))) == later(180.0)


def test_without_new_alarms_it_begins_at_the_incidents_own_news() -> None:
    assert first_alarm_at(_request(looked_until=EPOCH + timedelta(hours=1))) == later(240.0)
