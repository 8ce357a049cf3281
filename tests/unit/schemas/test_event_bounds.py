"""What an event may hold, to the last value that is accepted and the first that is not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events import Event, KpiSamples, LogLine, ReportedCause
from tests.fakes import full_events

EVENTS = {one.TOPIC: one for one in full_events.everything("acme")}


def made(topic: str, **changes: object) -> Event:
    event = EVENTS[topic]
    values = {name: getattr(event, name) for name in type(event).model_fields}
    return type(event).model_validate({**values, "event_id": "", **changes})


NAMES = {
    "alarms.raw": ("tenant", "source", "fingerprint", "name", "service"),
    "alarms.changed": ("tenant", "source", "fingerprint", "name", "service"),
    "kpis.raw": ("tenant", "source", "service"),
    "logs.raw": ("tenant", "source", "service"),
    "changes.raw": ("tenant", "source", "service"),
    "incidents": ("tenant",),
    "investigations.requested": ("tenant", "policy"),
    "investigations.status": ("tenant",),
    "evidence": ("tenant", "step", "finding", "kind"),
    "reports": ("tenant", "mode"),
    "costs": ("tenant", "step", "outcome"),
    "audit": ("tenant", "principal", "action"),
    "feedback": ("tenant", "by"),
    "dead-letters": ("tenant", "source_topic", "stage", "reason"),
}
TEXTS = {
    "alarms.raw": ("summary",),
    "alarms.changed": ("summary", "reason"),
    "changes.raw": ("title",),
    "investigations.requested": ("reason",),
    "investigations.status": ("message",),
    "evidence": ("statement", "query", "data"),
    "reports": ("headline", "summary"),
    "audit": ("reason",),
    "feedback": ("comment",),
    "dead-letters": ("detail",),
}
RANGES: list[tuple[str, str, tuple[Any, ...], tuple[Any, ...]]] = [
    ("incidents", "revision", (1,), (0,)),
    ("incidents", "alarm_count", (1,), (0,)),
    ("incidents", "active_count", (0,), (-1,)),
    ("investigations.requested", "priority", (0, 100), (-1, 101)),
    ("investigations.requested", "observe_s", (0.0,), (-0.1,)),
    ("investigations.requested", "baseline_s", (0.1, None), (0.0, -1.0)),
    ("investigations.requested", "lead_s", (0.0, None), (-0.1,)),
    ("investigations.status", "progress", (0.0, 1.0), (-0.01, 1.01)),
    ("investigations.status", "attempt", (1,), (0,)),
    ("evidence", "direction", (-1, 0, 1), (-2, 2)),
    ("reports", "revision", (1,), (0,)),
    ("reports", "confidence", (0.0, 1.0, None), (-0.01, 1.01)),
    ("reports", "evidence_count", (0,), (-1,)),
    ("costs", "attempt", (1,), (0,)),
    ("costs", "duration_ms", (0,), (-1,)),
    ("costs", "cost_nano_usd", (None, 0, -5), ()),
    ("feedback", "score", (0, 100), (-1, 101)),
    ("dead-letters", "retries", (0,), (-1,)),
]


def _pairs(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(topic, name) for topic, names in table.items() for name in names]


@pytest.mark.parametrize(("topic", "field"), _pairs(NAMES))
def test_a_name_is_neither_empty_nor_long(topic: str, field: str) -> None:
    assert getattr(made(topic, **{field: "x" * 256}), field) == "x" * 256
    for wrong in ("", "x" * 257):
        with pytest.raises(ValidationError, match=field):
            made(topic, **{field: wrong})


@pytest.mark.parametrize(("topic", "field"), _pairs(TEXTS))
def test_a_text_is_bounded(topic: str, field: str) -> None:
    assert made(topic, **{field: ""}) is not None
    assert len(getattr(made(topic, **{field: "x" * 32_768}), field)) == 32_768
    with pytest.raises(ValidationError, match=field):
        made(topic, **{field: "x" * 32_769})


@pytest.mark.parametrize(
    ("topic", "field", "allowed", "refused"), RANGES, ids=[f"{one[0]}-{one[1]}" for one in RANGES]
)
def test_a_figure_stays_in_its_range(
    topic: str, field: str, allowed: tuple[object, ...], refused: tuple[object, ...]
) -> None:
    for value in allowed:
        assert getattr(made(topic, **{field: value}), field) == value
    for value in refused:
        with pytest.raises(ValidationError, match=field):
            made(topic, **{field: value})


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_what_nobody_knows_is_refused(topic: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        made(topic, colour="red")


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_a_time_without_a_zone_is_refused_wherever_it_is(topic: str) -> None:
    event = EVENTS[topic]
    fields = [name for name, value in event if hasattr(value, "tzinfo")]
    assert "occurred_at" in fields
    for name in fields:
        with pytest.raises(ValidationError, match="an instant needs a time zone"):
            made(topic, **{name: getattr(event, name).replace(tzinfo=None)})


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_every_event_is_frozen_and_equal_by_value(topic: str) -> None:
    event = EVENTS[topic]
    with pytest.raises(ValidationError, match="frozen"):
        event.tenant = "other"  # type: ignore[misc]  # what is refused
    assert event == type(event).model_validate(event.model_dump())


@pytest.mark.parametrize(("topic", "field"), [("alarms.raw", "labels"), ("changes.raw", "labels")])
def test_labels_are_sixty_four_at_most(topic: str, field: str) -> None:
    many = {str(number): "x" for number in range(65)}
    with pytest.raises(ValidationError, match="at most 64 items"):
        made(topic, **{field: many})
    del many["0"]
    assert len(getattr(made(topic, **{field: many}), field)) == 64


@pytest.mark.parametrize(
    ("topic", "field", "value"), [("kpis.raw", "series", ()), ("logs.raw", "records", ())]
)
def test_a_batch_holds_something(topic: str, field: str, value: object) -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        made(topic, **{field: value})


def test_a_batch_of_lines_holds_ten_thousand_at_most() -> None:
    line = LogLine(at=full_events.NOON, message="m")
    assert made("logs.raw", records=(line,) * 10_000) is not None
    with pytest.raises(ValidationError, match="at most 10000 items"):
        made("logs.raw", records=(line,) * 10_001)


def test_samples_may_repeat_a_time_and_lack_a_value() -> None:
    column = KpiSamples(metric="m", times_ms=(5, 5, 6), values=(1.0, float("nan"), 2.0))
    assert column.times_ms == (5, 5, 6)
    with pytest.raises(ValidationError, match="at least 1 item"):
        KpiSamples(metric="m", times_ms=(), values=())


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_a_causes_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ValidationError, match="confidence"):
        ReportedCause(service="cart", kind="cpu", statement="s", confidence=confidence)


@pytest.mark.parametrize(
    ("topic", "field", "wrong"),
    [
        ("alarms.raw", "severity", "fatal"),
        ("alarms.raw", "status", "open"),
        ("alarms.changed", "decision", "lost"),
        ("changes.raw", "kind", "magic"),
        ("incidents", "transition", "shrunk"),
        ("investigations.status", "state", "sleeping"),
        ("reports", "verdict", "maybe"),
        ("costs", "kind", "gift"),
    ],
)
def test_a_word_that_is_none_of_ours_is_refused(topic: str, field: str, wrong: str) -> None:
    with pytest.raises(ValidationError, match=field):
        made(topic, **{field: wrong})
