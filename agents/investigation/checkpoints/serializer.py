"""What a checkpoint may hold, and how it is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_type_hints

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.state import GraphState

__all__ = ["checkpoint_serializer"]


def checkpoint_serializer() -> JsonPlusSerializer:
    """Return a serializer that brings back the types of the graph's state and no others. It never uses pickle."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=tuple(_types()))


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
