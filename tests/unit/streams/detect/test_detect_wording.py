"""Findings as a person and a machine read them."""

from __future__ import annotations

import pytest

from schemas.events import AlarmStatus, Severity
from streams.detect.alarms import SOURCE, SeriesName, alarm_of
from streams.detect.findings import Finding, Kind
from tests.unit.streams.detect.kpi_shapes import T0

NAME = SeriesName("acme", "cart", "cpu", (("host", "node-1"), ("instance", "cart-0")))
SHIFT = Finding(Kind.LEVEL_SHIFT, True, T0, T0 + 20_000, 0.7123456, 0.4, 30.25)


def _ended(kind: Kind, value: float | None = None, *, adopted: bool = False) -> Finding:
    return Finding(kind, False, T0, T0 + 90_000, value, adopted=adopted)


@pytest.mark.parametrize(
    ("finding", "name", "summary"),
    [
        (
            SHIFT,
            "KpiLevelShift",
            "cpu of cart went from about 0.4 to 0.7123 (30.2 deviations) and has stayed for 20 s",
        ),
        (
            Finding(Kind.SPIKE, True, T0, T0 + 1_500, 5e9, 1e9, None),
            "KpiSpike",
            "cpu of cart jumped to 5e+09 from about 1e+09 and came back after 2 s",
        ),
        (
            Finding(Kind.TREND, True, T0, T0 + 600_000, 90.0, 40.0, 7.0),
            "KpiTrend",
            "cpu of cart has been moving from 40 to 90 (7.0 deviations) for 600 s",
        ),
        (
            Finding(Kind.MISSING, True, T0, T0 + 60_000, None),
            "KpiMissing",
            "cpu of cart stopped reporting 60 s ago",
        ),
        (
            _ended(Kind.LEVEL_SHIFT, 0.41),
            "KpiLevelShift",
            "cpu of cart is back to normal at 0.41 after 90 s",
        ),
        (_ended(Kind.LEVEL_SHIFT), "KpiLevelShift", "cpu of cart is back to normal after 90 s"),
        (
            _ended(Kind.TREND, 80.0, adopted=True),
            "KpiTrend",
            "cpu of cart has stayed near 80, which is now taken as normal, after 90 s",
        ),
        (_ended(Kind.MISSING), "KpiMissing", "cpu of cart reports again after 90 s"),
        (
            _ended(Kind.MISSING, adopted=True),
            "KpiMissing",
            "cpu of cart is no longer expected after 90 s",
        ),
    ],
)
def test_each_finding_has_its_words(finding: Finding, name: str, summary: str) -> None:
    alarm = alarm_of(NAME, finding)
    assert (alarm.name, alarm.summary) == (name, summary)
    assert (alarm.status is AlarmStatus.FIRING) == finding.firing
    assert (alarm.severity is Severity.CLEARED) == (not finding.firing)


def test_what_an_alarm_is_about_is_read_from_the_labels() -> None:
    alarm = alarm_of(NAME, SHIFT)
    assert (alarm.source, alarm.tenant, alarm.service, alarm.indicator) == (SOURCE, "acme", "cart", "cpu")
    assert (alarm.entity, alarm.host) == ("cart-0", "node-1")
    assert alarm.labels == {"host": "node-1", "instance": "cart-0"}
    assert (alarm.started_at.timestamp() * 1000, alarm.occurred_at.timestamp() * 1000) == (T0, T0 + 20_000)
    bare = alarm_of(SeriesName("acme", "cart", "cpu", ()), SHIFT)
    assert (bare.entity, bare.host) == ("", "")


@pytest.mark.parametrize(
    ("size", "severity"),
    [
        (None, Severity.WARNING),
        (6.0, Severity.MINOR),
        (11.99, Severity.MINOR),
        (12.0, Severity.MAJOR),
        (40.0, Severity.CRITICAL),
    ],
)
def test_severity_follows_size(size: float | None, severity: Severity) -> None:
    finding = Finding(Kind.LEVEL_SHIFT, True, T0, T0, 2.0, 1.0, size)
    assert alarm_of(NAME, finding).severity is severity


def test_a_whole_unit_that_is_silent_weighs_more_than_a_series() -> None:
    silent = Finding(Kind.MISSING, True, T0, T0 + 60_000, None)
    whole = alarm_of(SeriesName("acme", "cart", "", ()), silent)
    assert whole.summary == "every metric of cart stopped reporting 60 s ago"
    assert (whole.severity, alarm_of(NAME, silent).severity) == (Severity.MAJOR, Severity.MINOR)


def test_changes_of_a_series_share_a_fingerprint_which_its_silence_does_not() -> None:
    prints = {
        kind: alarm_of(NAME, Finding(kind, True, T0, T0, 2.0, 1.0)).fingerprint
        for kind in (Kind.LEVEL_SHIFT, Kind.SPIKE, Kind.TREND, Kind.MISSING)
    }
    assert len(set(prints.values())) == 2
    assert prints[Kind.MISSING] != prints[Kind.SPIKE]
    assert alarm_of(NAME, _ended(Kind.TREND)).fingerprint == prints[Kind.TREND]


def test_every_part_of_a_name_is_in_its_fingerprint() -> None:
    others = [
        NAME._replace(tenant="other"),
        NAME._replace(service="user"),
        NAME._replace(metric="memory"),
        NAME._replace(labels=()),
    ]
    prints = {alarm_of(name, SHIFT).fingerprint for name in [NAME, *others]}
    assert len(prints) == 5


def test_the_same_finding_is_the_same_event() -> None:
    assert alarm_of(NAME, SHIFT).event_id == alarm_of(NAME, SHIFT).event_id
    assert alarm_of(NAME, SHIFT).event_id != alarm_of(NAME, _ended(Kind.LEVEL_SHIFT)).event_id
