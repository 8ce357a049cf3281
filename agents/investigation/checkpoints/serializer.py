"""What a checkpoint may hold, and how it is written."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_type_hints

import ormsgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.state import GraphState
from schemas.events.base import Record

__all__ = ["checkpoint_serializer"]


def checkpoint_serializer() -> JsonPlusSerializer:
    """Return a serializer that brings back the types of the graph's state and no others. It never uses pickle."""
    return _RecordsOnce(pickle_fallback=False, allowed_msgpack_modules=tuple(_types()))


class _RecordsOnce(JsonPlusSerializer):
    """Writes what its base writes, and encodes each record once: every checkpoint holds all that was found so far.

    That it is the same record is told by identity: records never change.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._known: dict[int, tuple[weakref.ref[Record], ormsgpack.Fragment]] = {}

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        return super().dumps_typed(self._with_encoded(obj))

    def _with_encoded(self, value: Any) -> Any:
        """The value with the records inside it replaced by what they are encoded as."""
        kind = type(value)
        # Most are versions of channels; asking a model's class about them would cost more than all the rest.
        if kind is str or kind is int or value is None:
            return value
        if kind is dict:
            return {key: self._with_encoded(one) for key, one in value.items()}
        if kind is tuple or kind is list:
            return kind([self._with_encoded(one) for one in value])
        return self._encoded(value) if isinstance(value, Record) else value

    def _encoded(self, record: Record) -> ormsgpack.Fragment:
        name = id(record)
        known = self._known.get(name)
        if known is not None:
            return known[1]
        _, data = super().dumps_typed(record)
        encoded = ormsgpack.Fragment(data)
        # The id is another object's once this one is gone.
        self._known[name] = weakref.ref(record, lambda _: self._known.pop(name, None)), encoded
        return encoded


def _types() -> set[type]:
    """Every model, dataclass and enum that the state or an order can hold."""
    found: set[type] = set()
    pending: list[type] = [GraphState, GatherOrder]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found.add(current)
        if not issubclass(current, Enum):
            pending += [known for hint in get_type_hints(current).values() for known in _inside(hint)]
    return found


def _inside(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and (issubclass(hint, (BaseModel, Enum)) or dataclasses.is_dataclass(hint)):
        yield hint
    for argument in get_args(hint):
        yield from _inside(argument)
