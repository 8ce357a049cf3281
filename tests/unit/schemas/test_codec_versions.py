"""Messages of other versions: which schema id means what, and what a reader of today makes of yesterday's bytes."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from typing import Any

import fastavro
import pytest

from schemas.avro_derivation import AvroSchema, derive
from schemas.codec import MAX_BYTES, decode, decode_as, encode
from schemas.errors import InvalidEventError, UnknownSchemaError
from schemas.events import AlarmRaw, Evidence, LogBatch
from schemas.registry import (
    AVRO_DIRECTORY,
    RegisteredSchema,
    SchemaRegistry,
    builtin_registry,
    schema_id_of,
)
from schemas.topics import CATALOGUE
from tests.fakes import full_events
from tests.fakes.events import alarm

RELEASED = sorted(AVRO_DIRECTORY.glob("released/*/*.avsc"))
FULL = {one.TOPIC: one for one in full_events.everything("acme")}


def registered(schema: AvroSchema, topic: str = "alarms.raw", schema_id: int = 0) -> RegisteredSchema:
    return RegisteredSchema(
        schema_id or schema_id_of(schema),
        topic,
        schema,
        fastavro.parse_schema(json.loads(json.dumps(schema))),
    )


def framed(schema: RegisteredSchema, values: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO(struct.pack(">bI", 0, schema.id))
    buffer.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(buffer, schema.parsed, values)
    return buffer.getvalue()


def knowing(*others: RegisteredSchema) -> SchemaRegistry:
    builtin = builtin_registry()
    return SchemaRegistry({**builtin.by_id, **{one.id: one for one in others}}, builtin.current)


def without(schema: AvroSchema, name: str) -> AvroSchema:
    return {**schema, "fields": [one for one in schema["fields"] if one["name"] != name]}


def test_a_field_that_the_writer_did_not_know_has_its_default() -> None:
    old = registered(without(derive(AlarmRaw), "host"))
    read = decode_as(AlarmRaw, framed(old, alarm(host="node-1").model_dump(exclude={"host"})), knowing(old))
    assert read == alarm()


def test_a_field_that_only_the_writer_knows_is_left_out() -> None:
    schema = derive(AlarmRaw)
    new = registered({**schema, "fields": [*schema["fields"], {"name": "team", "type": "string"}]})
    read = decode_as(AlarmRaw, framed(new, {**alarm().model_dump(), "team": "blue"}), knowing(new))
    assert read == alarm()


def test_a_field_that_the_writer_lacks_and_that_must_be_there_is_refused() -> None:
    old = registered(without(derive(AlarmRaw), "service"))
    data = framed(old, alarm().model_dump(exclude={"service"}))
    with pytest.raises(InvalidEventError) as refused:
        decode("alarms.raw", data, knowing(old))
    assert refused.value.reason == "avro_decode"


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_a_release_wrote_is_read_today(path: Any) -> None:
    """Every released schema carries today's full event, as far as it knows it."""
    schema: AvroSchema = json.loads(path.read_text(encoding="utf-8"))
    event = FULL[path.stem]
    read = decode(path.stem, framed(registered(schema, path.stem), event.model_dump()))
    assert read.event_id == event.event_id
    known = {one["name"] for one in schema["fields"]}
    assert all(
        getattr(read, name) == getattr(event, name)
        for name in known & set(type(event).model_fields) - {"incident", "series"}
    )


def test_ids_of_an_outside_registry_are_used_as_they_are() -> None:
    own = registered(derive(AlarmRaw), schema_id=42)
    registry = SchemaRegistry({42: own}, {"alarms.raw": own})
    data = encode(alarm(), registry)
    assert data[:5] == b"\x00\x00\x00\x00\x2a"
    assert decode("alarms.raw", data, registry) == alarm()
    with pytest.raises(UnknownSchemaError) as unknown:
        decode("alarms.raw", data)
    assert unknown.value.schema_id == 42
    assert "schema id 42 is not known here" in str(unknown.value)
    assert unknown.value.cure


def test_an_id_is_the_same_whatever_the_words_of_the_schema() -> None:
    schema = derive(Evidence)
    wordless = {**schema, "doc": "other", "fields": [{**one, "doc": "x"} for one in schema["fields"]]}
    assert schema_id_of(wordless) == schema_id_of(schema)
    renamed = {**schema, "name": "Other"}
    assert schema_id_of(renamed) != schema_id_of(schema)


def test_ids_fit_the_four_bytes_of_a_frame_and_are_never_zero() -> None:
    for one in builtin_registry().by_id.values():
        assert 0 < one.id < 2**31
        assert builtin_registry().with_id(one.id) is one


def test_the_registry_knows_the_current_and_every_released_schema() -> None:
    registry = builtin_registry()
    assert set(registry.current) == set(CATALOGUE)
    assert {one.id for one in registry.current.values()} <= set(registry.by_id)
    assert RELEASED
    for path in RELEASED:
        found = registry.with_id(schema_id_of(json.loads(path.read_text(encoding="utf-8"))))
        assert found.topic == path.stem


def test_what_is_as_large_as_allowed_is_parsed() -> None:
    for size, reason in ((MAX_BYTES, "avro_decode"), (MAX_BYTES + 1, "too_large")):
        frame = struct.pack(">bI", 0, builtin_registry().current["logs.raw"].id)
        with pytest.raises(InvalidEventError) as refused:
            decode("logs.raw", (frame + b"\xff" * size)[:size])
        assert refused.value.reason == reason


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_a_frame_without_a_body_is_truncated(length: int) -> None:
    with pytest.raises(InvalidEventError, match=f"only {length} bytes") as refused:
        decode("alarms.raw", encode(alarm())[:length])
    assert refused.value.reason == "truncated"


def test_the_first_of_several_problems_is_told_and_the_others_counted() -> None:
    broken = alarm().model_copy(update={"name": "", "service": "", "fingerprint": ""})
    with pytest.raises(InvalidEventError, match=r"^fingerprint: .* \(and 2 more\)$"):
        decode("alarms.raw", encode(broken))


def test_a_problem_deep_inside_is_told_with_its_place() -> None:
    batch = full_events.logs("acme")
    line = batch.records[1].model_copy(update={"message": "x" * 40_000})
    broken = batch.model_copy(update={"records": (batch.records[0], line)})
    with pytest.raises(InvalidEventError, match=r"^records\.1\.message: String should have at most 32768"):
        decode_as(LogBatch, encode(broken))


def test_a_value_of_one_event_is_never_in_the_message_of_its_refusal() -> None:
    """What is in a message may be private: the refusal goes to logs and metrics."""
    secret = "p4ssw0rd" * 5_000
    with pytest.raises(InvalidEventError) as refused:
        decode("alarms.raw", encode(alarm().model_copy(update={"summary": secret})))
    assert "p4ssw0rd" not in str(refused.value)
