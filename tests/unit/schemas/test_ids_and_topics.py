from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import ids, metrics
from schemas.events import AlarmRaw, AlarmStatus, KpiSamples
from schemas.metrics import MetricKind
from schemas.topics import CATALOGUE, TopicNames, topic_of
from tests.fakes.events import EPOCH, alarm


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_different_parts_have_different_ids(one: list[str], other: list[str]) -> None:
    assert (ids.stable_id("x", *one) == ids.stable_id("x", *other)) == (one == other)


def test_ids_do_not_change_between_versions() -> None:
    assert ids.stable_id("alm", "a", "b", 1) == "alm_vowerpagj7v5bsdaqp2nvsyknt"


def test_an_alarm_is_named_by_its_cause_alone() -> None:
    first = alarm(summary="one", severity="major", occurred_at=EPOCH)
    repeat = alarm(summary="two", severity="critical", occurred_at=EPOCH + timedelta(minutes=5))
    assert first.event_id == repeat.event_id
    assert first.event_id != alarm(started_at=EPOCH + timedelta(seconds=1)).event_id
    assert first.event_id != alarm(status=AlarmStatus.CLEARED).event_id


def test_a_sender_cannot_choose_an_alarms_id() -> None:
    assert alarm(event_id="mine").event_id == alarm().event_id


def test_the_zone_of_an_instant_does_not_matter() -> None:
    elsewhere = EPOCH.astimezone(timezone(timedelta(hours=5)))
    assert alarm(started_at=elsewhere).event_id == alarm().event_id
    assert alarm(started_at=elsewhere).started_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        alarm(started_at=datetime(2026, 3, 1))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("times", "values", "told"),
    [((1, 2), (1.0,), "2 times but 1 values"), ((2, 1), (1.0, 1.0), "must not decrease")],
)
def test_columns_must_agree(times: tuple[int, ...], values: tuple[float, ...], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        KpiSamples(metric="m", times_ms=times, values=values)


def test_events_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        alarm().name = "other"  # type: ignore[misc]  # what is refused


def test_the_catalogue_is_whole() -> None:
    assert sorted(CATALOGUE) == [
        "alarms.changed",
        "alarms.raw",
        "audit",
        "changes.raw",
        "costs",
        "dead-letters",
        "evidence",
        "feedback",
        "incidents",
        "investigations.requested",
        "investigations.status",
        "kpis.raw",
        "logs.raw",
        "reports",
    ]
    assert topic_of(AlarmRaw).subject == "alarms.raw-value"
    assert topic_of(AlarmRaw).config == {"cleanup.policy": "delete", "retention.ms": "604800000"}


@given(st.text(max_size=10))
def test_prefixes_come_off_again(prefix: str) -> None:
    names = TopicNames(prefix)
    assert all(names.bare(names.on_broker(name)) == name for name in CATALOGUE)


def test_metric_names_follow_the_conventions() -> None:
    assert len({one.name for one in metrics.CATALOGUE}) == len(metrics.CATALOGUE) > 20
    for one in metrics.CATALOGUE:
        assert one.name.startswith("tocsin_")
        assert one.name.endswith("_total") == (one.kind is MetricKind.COUNTER)
        assert one.help.endswith(".")
        assert bool(one.buckets) == (one.kind is MetricKind.HISTOGRAM)
