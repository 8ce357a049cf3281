"""Bytes to events and back: Avro in Confluent framing (0x00, schema id in four bytes big-endian, Avro binary)."""

from __future__ import annotations

import io
import struct
from typing import TypeVar

from fastavro import schemaless_reader, schemaless_writer
from pydantic import ValidationError

from schemas.errors import InvalidEventError
from schemas.events.base import Event
from schemas.registry import RegisteredSchema, SchemaRegistry, builtin_registry
from schemas.topics import CATALOGUE

__all__ = ["MAGIC", "MAX_BYTES", "decode", "decode_as", "encode"]

MAGIC = 0
MAX_BYTES = 4 * 1024 * 1024
"""A larger message is refused before it is parsed."""

_HEADER = struct.Struct(">bI")
_E = TypeVar("_E", bound=Event)


def encode(event: Event, registry: SchemaRegistry | None = None) -> bytes:
    """Return the framed bytes of an event in its topic's current schema."""
    registered = (registry or builtin_registry()).current[event.TOPIC]
    buffer = io.BytesIO()
    buffer.write(_HEADER.pack(MAGIC, registered.id))
    schemaless_writer(buffer, registered.parsed, event.model_dump())
    return buffer.getvalue()


def decode(topic: str, data: bytes | None, registry: SchemaRegistry | None = None) -> Event:
    """Return the event in a message of the topic with this bare name.

    Raises InvalidEventError, whose `reason` is one of: empty, too_large, bad_magic, truncated, unknown_schema,
    wrong_topic, avro_decode, trailing_bytes, invalid_value.
    """
    registry = registry or builtin_registry()
    body, writer = _unframe(topic, data, registry)
    values = _read(body, writer, registry.current[topic])
    try:
        return CATALOGUE[topic].event.model_validate(values)
    except ValidationError as error:
        raise InvalidEventError(_first_problem(error), reason="invalid_value") from error


def decode_as(event: type[_E], data: bytes | None, registry: SchemaRegistry | None = None) -> _E:
    """Return the event of a known class. Raises like `decode`."""
    decoded = decode(event.TOPIC, data, registry)
    assert isinstance(decoded, event)
    return decoded


def _unframe(topic: str, data: bytes | None, registry: SchemaRegistry) -> tuple[io.BytesIO, RegisteredSchema]:
    if not data:
        raise InvalidEventError("the message has no value", reason="empty")
    if len(data) > MAX_BYTES:
        raise InvalidEventError(f"{len(data)} bytes, more than {MAX_BYTES}", reason="too_large")
    if data[0] != MAGIC:
        raise InvalidEventError(f"starts with 0x{data[0]:02x}, not Confluent's 0x00", reason="bad_magic")
    if len(data) <= _HEADER.size:
        raise InvalidEventError(f"only {len(data)} bytes", reason="truncated")
    writer = registry.with_id(_HEADER.unpack_from(data)[1])
    if writer.topic != topic:
        raise InvalidEventError(f"carries a schema of {writer.topic}, not {topic}", reason="wrong_topic")
    return io.BytesIO(data[_HEADER.size :]), writer


def _read(body: io.BytesIO, writer: RegisteredSchema, reader: RegisteredSchema) -> object:
    resolution = None if writer.id == reader.id else reader.parsed
    try:
        values = schemaless_reader(body, writer.parsed, resolution)
    except Exception as error:
        raise InvalidEventError(f"not the Avro it claims to be: {error!r}", reason="avro_decode") from error
    if body.read(1):
        raise InvalidEventError("bytes are left after the record", reason="trailing_bytes")
    return values


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "event"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {problem['msg']}{more}"
