"""Headers: CloudEvents in binary mode as written, and whatever others write as read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.envelope import Envelope, headers_of, read_envelope
from schemas.registry import builtin_registry
from tests.fakes import full_events
from tests.fakes.events import EPOCH, alarm

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_headers_of_an_event_are_cloudevents_binary_mode() -> None:
    event = alarm()
    schema = builtin_registry().current["alarms.raw"]
    assert dict(headers_of(event, source="/tocsin/test")) == {
        "ce_specversion": b"1.0",
        "ce_id": event.event_id.encode(),
        "ce_type": b"io.tocsin.alarm.raw",
        "ce_source": b"/tocsin/test",
        "ce_subject": b"cart",
        "ce_time": b"2026-03-01T12:00:00+00:00",
        "ce_dataschema": f"/schemas/ids/{schema.id}".encode(),
        "content-type": b"application/avro",
    }


def test_the_named_schema_is_the_one_of_the_frame() -> None:
    for event in full_events.everything("acme"):
        named = dict(headers_of(event, source="/x"))["ce_dataschema"].decode()
        assert named == f"/schemas/ids/{int.from_bytes(encode(event)[1:5], 'big')}"


def test_a_trace_is_carried_only_where_there_is_one() -> None:
    assert "traceparent" not in dict(headers_of(alarm(), source="/x"))
    with_trace = headers_of(alarm(), source="/x", traceparent=PARENT)
    assert with_trace[-1] == ("traceparent", PARENT.encode())
    assert read_envelope(with_trace).traceparent == PARENT


def test_texts_beyond_ascii_survive() -> None:
    envelope = read_envelope(headers_of(alarm(service="größe 🔔"), source="/ünï"))
    assert (envelope.subject, envelope.source) == ("größe 🔔", "/ünï")


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "00",
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "0",
        PARENT.replace("-", "_"),
        f" {PARENT}",
        f"{PARENT}\n",
        PARENT.replace("0af", "0ag"),
    ],
)
def test_a_trace_that_is_none_is_left_out(parent: str) -> None:
    assert read_envelope([("traceparent", parent.encode())]).traceparent == ""


@pytest.mark.parametrize("headers", [None, [], [("other", b"x")], [("ce_id", None)]])
def test_a_producer_need_not_send_headers(headers: list[tuple[str, bytes | None]] | None) -> None:
    assert read_envelope(headers) == Envelope()


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"2026-03-01T12:00:00Z", EPOCH),
        (b"2026-03-01T13:00:00+01:00", EPOCH),
        (b"yesterday", None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_time_is_read_or_left_out(text: bytes, time: datetime | None) -> None:
    assert read_envelope([("ce_time", text)]).time == time


@given(st.lists(st.tuples(st.sampled_from(["ce_id", "ce_time", "ce_type", "traceparent"]), st.binary())))
def test_no_header_is_an_error(headers: list[tuple[str, bytes | None]]) -> None:
    assert isinstance(read_envelope(headers), Envelope)


def test_the_time_is_the_events_not_ours() -> None:
    at = datetime(2001, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    assert read_envelope(headers_of(alarm(occurred_at=at), source="/x")).time == at
