"""What a registry hands out, made into a schema of one of our topics."""

from __future__ import annotations

import json
from collections.abc import Mapping

from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from infra.runtime.schema_registry.client import SchemaText
from schemas.avro_derivation import AvroSchema
from schemas.errors import InvalidEventError
from schemas.registry import RegisteredSchema

__all__ = ["TopicsByRecord", "as_registered", "topics_by_record"]

TopicsByRecord = Mapping[str, str]
"""Bare topic names by the short name of the record in them: a registry's ids say nothing about topics."""

_UNREADABLE = (
    SchemaParseException,
    UnknownType,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
)


def topics_by_record(current: Mapping[str, RegisteredSchema]) -> TopicsByRecord:
    return {_short(one.schema["name"]): topic for topic, one in current.items()}


def as_registered(
    schema_id: int, found: SchemaText, topics: TopicsByRecord, version: int | None = None
) -> RegisteredSchema:
    """Return the schema parsed, with the topic that its record belongs to; Avro matches records by their short names.

    Raises:
        InvalidEventError: it is not Avro, needs other schemas, or is none of our records; `reason` is `unknown_schema`.
    """
    if found.kind != "AVRO":
        raise _foreign(schema_id, f"is {found.kind}, not Avro")
    if found.references:
        raise _foreign(schema_id, "refers to other schemas, which is not supported")
    try:
        schema: AvroSchema = json.loads(found.text)
        name = _short(schema["name"])
        parsed = parse_schema(schema)
    except _UNREADABLE as error:
        raise _foreign(schema_id, f"cannot be parsed: {error!r:.500}") from error
    if name not in topics:
        raise _foreign(schema_id, f"is a {name}, which no topic of ours carries")
    return RegisteredSchema(schema_id, topics[name], schema, parsed, version)


def _foreign(schema_id: int, what: str) -> InvalidEventError:
    return InvalidEventError(f"schema {schema_id} of the registry {what}", reason="unknown_schema")


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]
