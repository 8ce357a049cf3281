from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.avro_derivation import derive
from schemas.codec import MAX_BYTES, decode, decode_as, encode
from schemas.envelope import headers_of, read_envelope
from schemas.errors import InvalidEventError
from schemas.events import AlarmRaw, Event
from schemas.registry import builtin_registry, schema_id_of
from schemas.topics import CATALOGUE
from tests.fakes.drawn_events import any_event
from tests.fakes.events import alarm


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_topic_has_a_strategy(name: str) -> None:
    assert any_event(CATALOGUE[name].event) is not None


@given(any_event())
@settings(max_examples=300)
def test_what_is_encoded_is_decoded_equal(event: Event) -> None:
    assert decode(event.TOPIC, encode(event)) == event


@given(any_event())
def test_framing_is_confluents(event: Event) -> None:
    magic, schema_id = struct.unpack(">bI", encode(event)[:5])
    assert magic == 0
    assert builtin_registry().with_id(schema_id).topic == event.TOPIC


@given(any_event())
def test_headers_name_the_event(event: Event) -> None:
    envelope = read_envelope(headers_of(event, source="/tocsin/test"))
    assert (envelope.event_id, envelope.type, envelope.source) == (event.event_id, event.TYPE, "/tocsin/test")
    assert envelope.time == event.occurred_at


@given(any_event())
def test_the_id_follows_from_the_content(event: Event) -> None:
    again = type(event).model_validate({**event.model_dump(), "event_id": ""})
    assert again.event_id == event.event_id


@given(st.binary(max_size=400), st.sampled_from(sorted(CATALOGUE)))
@settings(max_examples=300)
def test_any_bytes_are_decoded_or_refused_with_a_reason(data: bytes, topic: str) -> None:
    assert _refusal(topic, data) in {"empty", "bad_magic", "truncated", "unknown_schema", "wrong_topic", ""}


@given(st.binary(min_size=0, max_size=60), st.sampled_from(sorted(CATALOGUE)))
@settings(max_examples=300)
def test_any_body_after_a_good_frame_is_decoded_or_refused(body: bytes, topic: str) -> None:
    frame = struct.pack(">bI", 0, builtin_registry().current[topic].id)
    assert _refusal(topic, frame + body) in {
        "truncated",
        "avro_decode",
        "trailing_bytes",
        "invalid_value",
        "",
    }


@given(any_event(), st.data())
def test_a_cut_message_is_refused(event: Event, data: st.DataObject) -> None:
    whole = encode(event)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(InvalidEventError):
        decode(event.TOPIC, whole[:cut])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda good: None, "empty"),
        (lambda good: b"", "empty"),
        (lambda good: b"\x01" + good[1:], "bad_magic"),
        (lambda good: b"{}", "bad_magic"),
        (lambda good: good[:4], "truncated"),
        (lambda good: b"\x00\x00\x00\x00\x01" + good[5:], "unknown_schema"),
        (lambda good: good[:20], "avro_decode"),
        (lambda good: good + b"!", "trailing_bytes"),
        (lambda good: good + bytes(MAX_BYTES), "too_large"),
    ],
)
def test_each_malformation_has_its_reason(spoil: Callable[[bytes], bytes | None], reason: str) -> None:
    with pytest.raises(InvalidEventError) as raised:
        decode("alarms.raw", spoil(encode(alarm())))
    assert raised.value.reason == reason


def test_another_topics_schema_is_refused() -> None:
    with pytest.raises(InvalidEventError) as raised:
        decode("kpis.raw", encode(alarm()))
    assert raised.value.reason == "wrong_topic"


def test_values_that_avro_allows_and_we_do_not_are_refused() -> None:
    nameless = alarm().model_copy(update={"name": ""})
    with pytest.raises(InvalidEventError, match="name: String should have at least 1 character") as raised:
        decode_as(AlarmRaw, encode(nameless))
    assert raised.value.reason == "invalid_value"


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_ids_are_stable_and_distinct(name: str) -> None:
    registry = builtin_registry()
    derived = derive(CATALOGUE[name].event)
    assert registry.current[name].id == schema_id_of(derived)
    others = [one.id for topic, one in registry.current.items() if topic != name]
    assert registry.current[name].id not in others


def _refusal(topic: str, data: bytes) -> str:
    """Return why the message is refused, or an empty text."""
    try:
        decode(topic, data)
    except InvalidEventError as error:
        return error.reason
    return ""
