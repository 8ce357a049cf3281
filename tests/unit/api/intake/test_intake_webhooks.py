from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.intake import alertmanager, grafana
from api.intake.limits import Limits
from api.intake.parsed import Arrival, Parsed
from api.intake.refusal import ItemReason, RefusalKind, RefusedError
from schemas.events import AlarmRaw, AlarmStatus, Severity
from tests.unit.api.intake.sent import ARRIVAL, NOW, sample

JSON = "application/json"


def alarms(parsed: Parsed) -> list[AlarmRaw]:
    return [one for one in parsed.events if isinstance(one, AlarmRaw)]


def alert(**changed: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "X", "service": "cart"},
        "startsAt": "2026-03-01T11:59:00Z",
        "fingerprint": "f1",
        **changed,
    }


def notified(*alerts: object, **more: object) -> Parsed:
    body = json.dumps({"version": "4", "alerts": alerts, **more}).encode()
    return alertmanager.parse(body, JSON, ARRIVAL)


def test_a_notification_of_alertmanager_becomes_a_firing_and_a_cleared_alarm() -> None:
    parsed = alertmanager.parse(sample("alertmanager.json"), JSON, ARRIVAL)
    assert (parsed.accepted, parsed.problems, parsed.truncated) == (2, (), 3)
    firing, cleared = alarms(parsed)
    assert firing == AlarmRaw(
        tenant="acme",
        source="test",
        fingerprint="c6eadffa33fcdf37",
        name="HighErrorRate",
        service="checkout",
        status=AlarmStatus.FIRING,
        severity=Severity.CRITICAL,
        started_at=datetime(2026, 3, 1, 11, 58, 26, 739266, UTC),
        occurred_at=datetime(2026, 3, 1, 11, 58, 26, 739266, UTC),
        received_at=NOW,
        entity="checkout-6d5f-x2x9k",
        host="worker-3",
        value=7.3,
        summary="5xx above 5 %\ncheckout answers 7.3 % of its requests with 5xx.",
        labels={
            "alertname": "HighErrorRate",
            "env": "prod",
            "environment": "prod",
            "instance": "10.0.0.7:8080",
            "job": "shop",
            "node": "worker-3",
            "pod": "checkout-6d5f-x2x9k",
            "service": "checkout",
            "severity": "page",
        },
        url="http://prometheus.example.org:9090/graph?g0.expr=errors+%3E+5",
    )
    assert (cleared.service, cleared.status, cleared.severity) == (
        "cart",
        AlarmStatus.CLEARED,
        Severity.CLEARED,
    )
    assert cleared.occurred_at == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert cleared.started_at == datetime(2026, 3, 1, 11, 40, tzinfo=UTC)


def test_a_notification_of_grafana_brings_its_value_and_the_panel() -> None:
    parsed = grafana.parse(sample("grafana.json"), JSON, ARRIVAL)
    (found,) = alarms(parsed)
    assert (found.name, found.service, found.severity) == ("High memory usage", "payments", Severity.MINOR)
    assert found.value == pytest.approx(44.239, abs=0.001)
    assert found.url.endswith("viewPanel=4")
    assert found.started_at == datetime(2026, 3, 1, 11, 51, 3, 157076, UTC)
    assert found.fingerprint == "1a30ba71cca2921f"


@pytest.mark.parametrize(
    ("values", "value"), [(None, None), ({}, None), ({"A": None, "C": 1}, 1.0), ({"B": 2, "A": 7}, 7.0)]
)
def test_grafanas_value_is_that_of_the_first_reference_that_has_one(
    values: object, value: float | None
) -> None:
    body = json.dumps({"alerts": [alert(values=values, dashboardURL="d")]}).encode()
    (found,) = alarms(grafana.parse(body, JSON, ARRIVAL))
    assert (found.value, found.url) == (value, "d")


def test_a_repeat_has_the_same_name_and_its_clearing_another() -> None:
    (first,) = alarms(notified(alert()))
    later = Arrival(tenant="acme", source="test", at=NOW + timedelta(hours=4))
    body = json.dumps({"alerts": [alert()]}).encode()
    (again,) = alarms(alertmanager.parse(body, JSON, later))
    (cleared,) = alarms(notified(alert(status="resolved", endsAt="2026-03-01T11:59:30Z")))
    assert first.event_id == again.event_id != cleared.event_id
    assert (first.fingerprint, first.key) == (cleared.fingerprint, cleared.key)
    assert again.occurred_at == later.at
    """Told four hours after it began: an event of now about an alarm of then."""


@pytest.mark.parametrize("ends_at", [None, "0001-01-01T00:00:00Z", "2026-03-01T13:00:00Z"])
def test_an_end_that_is_unknown_or_still_to_come_is_now(ends_at: str | None) -> None:
    (found,) = alarms(notified(alert(status="resolved", endsAt=ends_at)))
    assert found.occurred_at == NOW


def test_without_a_fingerprint_the_labels_make_one() -> None:
    labels = {"alertname": "X", "job": "cart"}
    (one,) = alarms(notified(alert(fingerprint="", labels=labels)))
    (same,) = alarms(notified(alert(fingerprint="", labels=dict(reversed(labels.items())))))
    (other,) = alarms(notified(alert(fingerprint="", labels={**labels, "pod": "a"})))
    assert one.fingerprint == same.fingerprint != other.fingerprint
    nothing = notified(alert(fingerprint="", labels={}))
    assert [one.reason for one in nothing.problems] == [ItemReason.MISSING_FIELD]


def test_an_alarm_without_name_or_service_is_kept_all_the_same() -> None:
    (found,) = alarms(notified(alert(labels={"severity": "info"})))
    assert (found.name, found.service, found.severity) == ("unnamed", "unknown", Severity.WARNING)


@pytest.mark.parametrize(
    ("bad", "pointer", "reason"),
    [
        (alert(startsAt="yesterday"), "/alerts/1/startsAt", ItemReason.INVALID_VALUE),
        (alert(startsAt="0001-01-01T00:00:00+05:00"), "/alerts/1/startsAt", ItemReason.TIME_OUT_OF_RANGE),
        (alert(startsAt="1e300"), "/alerts/1/startsAt", ItemReason.TIME_OUT_OF_RANGE),
        (alert(status="pending"), "/alerts/1/status", ItemReason.INVALID_VALUE),
        (alert(labels={"a": 1}), "/alerts/1/labels/a", ItemReason.INVALID_VALUE),
        (alert(labels={f"l{n}": "" for n in range(65)}), "/alerts/1/labels", ItemReason.TOO_MANY_LABELS),
        (alert(labels={"a": "x" * 5000}), "/alerts/1/labels", ItemReason.LABEL_TOO_LONG),
        (alert(labels={"x" * 300: "a"}), "/alerts/1/labels", ItemReason.LABEL_TOO_LONG),
        (
            alert(labels={f"l{n}": "x" * 4000 for n in range(10)}),
            "/alerts/1/labels",
            ItemReason.LABEL_TOO_LONG,
        ),
        (alert(fingerprint="f" * 300), "/alerts/1/fingerprint", ItemReason.INVALID_VALUE),
        (alert(annotations={"summary": "x" * 300_000}), "/alerts/1", ItemReason.TOO_LARGE),
        ({"status": "firing"}, "/alerts/1/startsAt", ItemReason.MISSING_FIELD),
        ([], "/alerts/1", ItemReason.NOT_AN_OBJECT),
        (None, "/alerts/1", ItemReason.NOT_AN_OBJECT),
    ],
)
def test_a_bad_alert_is_named_and_the_others_are_taken(bad: object, pointer: str, reason: ItemReason) -> None:
    parsed = notified(alert(), bad, alert(fingerprint="f3"))
    assert [one.fingerprint for one in alarms(parsed)] == ["f1", "f3"]
    (problem,) = parsed.problems
    assert (problem.index, problem.pointer, problem.reason) == (1, pointer, reason)
    if reason is ItemReason.TOO_LARGE:
        assert problem.raw is None
    else:
        assert problem.raw is not None
        assert json.loads(problem.raw) == bad


def test_a_limit_that_is_passed_is_named_with_its_value() -> None:
    (problem,) = notified(alert(labels={f"l{number}": "" for number in range(70)})).problems
    assert problem.detail == "70 labels, more than 64"


@pytest.mark.parametrize(
    ("body", "kind", "media"),
    [
        (b"", RefusalKind.MALFORMED, JSON),
        (b"{", RefusalKind.MALFORMED, JSON),
        (b'{"alerts": [NaN]}', RefusalKind.MALFORMED, JSON),
        (b"\xff", RefusalKind.MALFORMED, JSON),
        (b"[]", RefusalKind.INVALID, JSON),
        (b"{}", RefusalKind.INVALID, JSON),
        (b'{"alerts": {}}', RefusalKind.INVALID, JSON),
        (b'{"alerts": ' + b"[" * 40 + b"]" * 40 + b"}", RefusalKind.TOO_DEEP, JSON),
        (b'{"alerts": ' + b"[" * 5000 + b"]" * 5000 + b"}", RefusalKind.MALFORMED, JSON),
        (b'{"alerts": []}', RefusalKind.MEDIA_TYPE, "text/plain"),
        (b'{"alerts": []}', RefusalKind.MEDIA_TYPE, ""),
    ],
)
def test_what_is_no_notification_is_refused(body: bytes, kind: RefusalKind, media: str) -> None:
    with pytest.raises(RefusedError) as refused:
        alertmanager.parse(body, media, ARRIVAL)
    assert refused.value.kind is kind


def test_more_alerts_than_a_request_may_bring_are_refused() -> None:
    arrival = Arrival(tenant="acme", source="test", at=NOW, limits=Limits(items=2))
    with pytest.raises(RefusedError) as refused:
        alertmanager.parse(json.dumps({"alerts": [alert()] * 3}).encode(), JSON, arrival)
    assert (refused.value.kind, refused.value.limit, refused.value.value) == (RefusalKind.TOO_MANY, 2, 3)


@pytest.mark.parametrize("told", [None, "three", -1, True, 1.5])
def test_a_count_of_truncated_alerts_that_is_none_is_left_alone(told: object) -> None:
    assert notified(alert(), truncatedAlerts=told).truncated == 0
