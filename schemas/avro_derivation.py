"""Derive the Avro schema of an event model: the model is the one truth, the `.avsc` files are written from it.

Text is `string`, instants are `timestamp-micros`, enums are Avro enums, tuples are arrays, dicts of text are maps,
an optional field is a union with null. Field docstrings become `doc`. Defaults become Avro defaults, so that a
new field with a default is a BACKWARD-compatible change.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

__all__ = ["NAMESPACE", "AvroSchema", "derive"]

NAMESPACE = "io.tocsin"

AvroSchema = dict[str, Any]

_PRIMITIVES: Mapping[type, object] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
}


def derive(model: type[BaseModel]) -> AvroSchema:
    """Return the Avro record schema of a model. Raises TypeError for a field that Avro cannot say."""
    return cast("AvroSchema", _record(model, set()))


def _record(model: type[BaseModel], named: set[str]) -> object:
    if model.__name__ in named:
        return f"{NAMESPACE}.{model.__name__}"
    named.add(model.__name__)
    record: AvroSchema = {"type": "record", "name": model.__name__, "namespace": NAMESPACE}
    if model.__doc__:
        record["doc"] = _one_line(model.__doc__)
    record["fields"] = [_field(name, info, named) for name, info in model.model_fields.items()]
    return record


def _field(name: str, info: FieldInfo, named: set[str]) -> AvroSchema:
    field: AvroSchema = {"name": name, "type": _type(info.annotation, named)}
    if info.description:
        field["doc"] = _one_line(info.description)
    if info.default is not PydanticUndefined:
        field["default"] = _default(info.default)
    return field


def _type(annotation: Any, named: set[str]) -> object:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0], named)
    if origin in (typing.Union, types.UnionType):
        return _optional(arguments, named)
    if origin is tuple:
        return {"type": "array", "items": _type(arguments[0], named)}
    if origin is dict:
        return {"type": "map", "values": _type(arguments[1], named)}
    if not isinstance(annotation, type):
        raise TypeError(f"Avro cannot say {annotation}")
    return _plain(annotation, named)


def _plain(annotation: type, named: set[str]) -> object:
    if issubclass(annotation, BaseModel):
        return _record(annotation, named)
    if issubclass(annotation, StrEnum):
        return _enum(annotation, named)
    if annotation not in _PRIMITIVES:
        raise TypeError(f"Avro cannot say {annotation}")
    return _PRIMITIVES[annotation]


def _optional(members: tuple[Any, ...], named: set[str]) -> list[object]:
    present = [member for member in members if member is not type(None)]
    if len(present) != 1 or len(members) != 2:
        raise TypeError(f"only unions with None are used, not {members}")
    return ["null", _type(present[0], named)]


def _enum(annotation: type[StrEnum], named: set[str]) -> object:
    if annotation.__name__ in named:
        return f"{NAMESPACE}.{annotation.__name__}"
    named.add(annotation.__name__)
    return {
        "type": "enum",
        "name": annotation.__name__,
        "namespace": NAMESPACE,
        "symbols": [member.value for member in annotation],
    }


def _default(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return list(value)
    return value


def _one_line(text: str) -> str:
    return " ".join(text.split())
