"""What an event's id follows from: its cause, and nothing else that it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    Audit,
    ChangeRaw,
    CostEntry,
    DeadLetter,
    Event,
    Evidence,
    Feedback,
    Incident,
    InvestigationRequested,
    InvestigationStatus,
    KpiBatch,
    LogBatch,
    Report,
)
from schemas.topics import CATALOGUE
from tests.fakes.drawn_events import any_event

CAUSES: dict[type[Event], frozenset[str]] = {
    AlarmRaw: frozenset({"tenant", "source", "fingerprint", "status", "started_at"}),
    AlarmChanged: frozenset({"alarm_event_id", "decision"}),
    ChangeRaw: frozenset({"tenant", "source", "service", "kind", "title", "occurred_at"}),
    Incident: frozenset({"incident_id", "revision", "transition"}),
    InvestigationRequested: frozenset({"investigation_id", "kind"}),
    InvestigationStatus: frozenset({"investigation_id", "state", "step", "attempt"}),
    Evidence: frozenset({"investigation_id", "step", "finding"}),
    Report: frozenset({"investigation_id", "revision"}),
    CostEntry: frozenset({"investigation_id", "kind", "step", "attempt"}),
    Audit: frozenset({"tenant", "principal", "action", "resource", "occurred_at"}),
    Feedback: frozenset({"tenant", "investigation_id", "by", "occurred_at"}),
    DeadLetter: frozenset({"source_topic", "source_partition", "source_offset", "stage"}),
}
BATCHES = {KpiBatch, LogBatch}
PREFIXES = {
    AlarmRaw: "alm",
    AlarmChanged: "dec",
    KpiBatch: "kpi",
    LogBatch: "log",
    ChangeRaw: "chg",
    Incident: "ice",
    InvestigationRequested: "req",
    InvestigationStatus: "st",
    Evidence: "ev",
    Report: "rep",
    CostEntry: "cost",
    Audit: "aud",
    Feedback: "fb",
    DeadLetter: "dl",
}


def with_field(event: Event, name: str, value: object) -> Event:
    """Return the event as it is made with another value, its id derived anew."""
    values = {field: getattr(event, field) for field in type(event).model_fields}
    return type(event).model_validate({**values, "event_id": "", name: value})


def test_every_class_is_here() -> None:
    assert set(CAUSES) | BATCHES == {topic.event for topic in CATALOGUE.values()} == set(PREFIXES)


@pytest.mark.parametrize("kind", list(CAUSES))
@given(data=st.data())
@settings(max_examples=15)
def test_an_id_changes_with_its_cause_and_with_nothing_else(kind: type[Event], data: st.DataObject) -> None:
    event, other = data.draw(any_event(kind)), data.draw(any_event(kind))
    for name in set(kind.model_fields) - {"event_id"}:
        value = getattr(other, name)
        same = name not in CAUSES[kind] or value == getattr(event, name)
        assert (with_field(event, name, value).event_id == event.event_id) == same, name


@pytest.mark.parametrize("kind", [KpiBatch, LogBatch])
@given(data=st.data())
@settings(max_examples=15)
def test_a_batch_is_named_by_whose_it_is_and_what_is_in_it(kind: type[Event], data: st.DataObject) -> None:
    event, other = data.draw(any_event(kind)), data.draw(any_event(kind))
    for name in ("tenant", "source", "service"):
        value = getattr(other, name)
        same = value == getattr(event, name)
        assert (with_field(event, name, value).event_id == event.event_id) == same, name
    assert with_field(event, "occurred_at", other.occurred_at).event_id == event.event_id


@given(any_event())
def test_an_id_says_what_it_names(event: Event) -> None:
    prefix, _, rest = event.event_id.partition("_")
    assert prefix == PREFIXES[type(event)]
    assert len(rest) == 26
    assert set(rest) <= set("abcdefghijklmnopqrstuvwxyz234567")


@given(any_event(), st.text(min_size=1, max_size=10))
def test_an_id_that_is_given_is_kept_but_for_an_alarm(event: Event, given_id: str) -> None:
    values = {field: getattr(event, field) for field in type(event).model_fields}
    made = type(event).model_validate({**values, "event_id": given_id})
    assert made.event_id == (event.event_id if isinstance(event, AlarmRaw) else given_id)
