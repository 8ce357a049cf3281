"""What each table's writer makes of one full event: every column, from the field it is named after or told of."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest

from schemas.events import Event, Incident, InvestigationRequested, Report, Usage
from schemas.topics import CATALOGUE
from sinks.clickhouse.client import Columns
from sinks.clickhouse.writers import WRITERS, Stamp
from sinks.clickhouse.writers.columns import RowPerEvent, micros, trailer
from tests.fakes.full_events import alarm, cost, dead_letter, everything, incident, logs, report, request
from tests.integration.sinks.samples import messages

STAMP = Stamp(landed_at_ms=7, expires_at={"acme": 11}, epoch="e")
EVENTS = {event.TOPIC: event for event in everything("acme")}
ROW_PER_EVENT = [topic for topic, writer in WRITERS.items() if isinstance(writer, RowPerEvent)]


def columns(*events: Event) -> Columns:
    made = WRITERS[events[0].TOPIC].columns(messages(events, first=40, partition=2), STAMP)
    assert isinstance(made, Columns)
    return made


def row(event: Event) -> dict[str, Any]:
    made = columns(event)
    return {name: values[0] for name, values in zip(made.names, made.data, strict=True)}


def stored(value: object) -> object:
    """How a field's value is stored where nothing is computed."""
    if isinstance(value, StrEnum):
        return value.value
    return micros(value) if isinstance(value, datetime) else value


def test_every_topic_of_the_catalogue_lands() -> None:
    assert set(WRITERS) == set(CATALOGUE)
    assert len({writer.table for writer in WRITERS.values()}) == len(WRITERS)
    assert set(EVENTS) == set(CATALOGUE)


@pytest.mark.parametrize("topic", ROW_PER_EVENT)
def test_a_column_named_as_a_field_holds_the_field(topic: str) -> None:
    event, made = EVENTS[topic], row(EVENTS[topic])
    fields = [name for name in type(event).model_fields if name in made and name != "services"]
    assert {"event_id", "tenant", "occurred_at"} <= set(fields)
    assert {name: made[name] for name in fields} == {name: stored(getattr(event, name)) for name in fields}


@pytest.mark.parametrize("topic", sorted(WRITERS))
def test_names_are_distinct_and_types_and_data_run_along(topic: str) -> None:
    made = WRITERS[topic].columns(messages([EVENTS[topic]]), STAMP)
    assert len(set(made.names)) == len(made.names)
    if isinstance(made, Columns):
        assert len(made.names) == len(made.types) == len(made.data)
        assert {len(values) for values in made.data} == {made.rows} == {WRITERS[topic].rows_of(EVENTS[topic])}


@pytest.mark.parametrize("topic", ROW_PER_EVENT)
def test_what_may_be_missing_is_a_nullable_column(topic: str) -> None:
    event = EVENTS[topic]
    types = dict(zip(columns(event).names, columns(event).types, strict=True))
    for name, field in type(event).model_fields.items():
        if name in types and type(None) in getattr(field.annotation, "__args__", ()):
            assert types[name].startswith("Nullable("), name


def test_every_row_says_where_it_came_from() -> None:
    made = columns(alarm("acme"), alarm("acme", fingerprint="other"))
    table = dict(zip(made.names, made.data, strict=True))
    assert table["_topic"] == ["alarms.raw"] * 2
    assert table["_partition"] == [2, 2]
    assert table["_offset"] == [40, 41]
    assert table["_index"] == [0, 0]
    assert (table["landed_at"], table["expires_at"], table["_epoch"]) == ([7, 7], [11, 11], ["e", "e"])


def test_rows_of_one_message_are_numbered_from_nothing() -> None:
    made = trailer(messages([logs("acme"), logs("acme"), logs("acme")]), [2, 0, 3], STAMP)
    table = dict(zip(made.names, made.data, strict=True))
    assert table["_index"] == [0, 1, 0, 1, 2]
    assert table["_offset"] == [0, 0, 2, 2, 2]
    assert made.rows == 5


def test_a_report_is_found_by_its_causes_and_what_it_cites() -> None:
    told = report("acme")
    made = row(told)
    assert made["cause_services"] == ["cart", "db"]
    assert made["cause_kinds"] == ["cpu", "slow"]
    assert made["cause_confidences"] == [0.9, None]
    assert made["evidence_ids"] == ["ev_1", "ev_2", "ev_3", "ev_4"]
    assert made["services"] == ["cart", "checkout"]
    assert Report.model_validate_json(made["document"]) == told


@pytest.mark.parametrize(("given", "kept"), [("rep_1", "rep_1"), ("", None)])
def test_a_report_without_an_id_of_its_own_is_known_by_its_events(given: str, kept: str | None) -> None:
    told = report("acme", report_id=given)
    assert row(told)["report_id"] == (kept or told.event_id)


def test_an_incident_is_found_by_its_alarms_names_each_once() -> None:
    told = incident("acme")
    made = row(told)
    assert made["alarm_names"] == ["HighErrorRate", "HighLatency"]
    assert made["services"] == ["cart", "checkout"]
    assert Incident.model_validate_json(made["document"]) == told


def test_a_request_is_found_by_its_incident() -> None:
    told = request("acme")
    assert row(told)["incident_id"] == told.incident.incident_id
    assert InvestigationRequested.model_validate_json(row(told)["document"]) == told


def test_tokens_are_columns_and_unknown_ones_are_missing_not_zero() -> None:
    made = row(
        cost("acme", usage=Usage(input_uncached=1, cache_read=2, cache_write=3, output=4, reasoning=0))
    )
    tokens = ("input_uncached", "cache_read", "cache_write", "output", "reasoning")
    assert [made[kind] for kind in tokens] == [1, 2, 3, 4, 0]
    assert [row(cost("acme", usage=Usage()))[kind] for kind in tokens] == [None] * 5
    assert row(cost("acme", cost_nano_usd=None))["cost_nano_usd"] is None


def test_a_dead_message_is_kept_byte_by_byte() -> None:
    told = dead_letter("acme")
    made = row(told)
    assert (made["message_key"], made["message_value"]) == (told.message_key, told.message_value)
    assert made["header_names"] == ["ce_id", "gone"]
    assert made["header_values"] == [b"\xff\x00", None]
    assert row(dead_letter("acme", message_key=None))["message_key"] is None


def test_lines_carry_what_their_batch_says() -> None:
    batch = logs("acme")
    made = columns(batch)
    table = dict(zip(made.names, made.data, strict=True))
    assert table["event_id"] == [batch.event_id] * 2
    assert table["service"] == ["cart"] * 2
    assert table["message"] == [line.message for line in batch.records]
    assert table["severity"] == [line.severity.value for line in batch.records]
    assert table["at"] == [micros(line.at) for line in batch.records]
    assert table["attributes"] == [line.attributes for line in batch.records]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC), 1_000_001),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2299, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 10_413_791_999_999_999),
    ],
)
def test_microseconds_are_exact(moment: datetime, expected: int) -> None:
    assert micros(moment) == expected


def test_documents_are_json_that_anybody_reads() -> None:
    assert json.loads(row(report("acme"))["document"])["verdict"] == "cause_found"
