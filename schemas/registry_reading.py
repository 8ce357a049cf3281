"""Decoding where a schema id may be new: known ids cost no more than `decode`, others are asked for once."""

from __future__ import annotations

from typing import TypeVar

from schemas.codec import decode
from schemas.errors import UnknownSchemaError
from schemas.events.base import Event
from schemas.registry import SchemaRegistry, builtin_registry

__all__ = ["read_event", "read_event_as"]

_E = TypeVar("_E", bound=Event)


async def read_event(topic: str, data: bytes | None, registry: SchemaRegistry | None = None) -> Event:
    """Return the event in a message of the topic with this bare name. Waits only for an id that was never seen.

    Raises:
        InvalidEventError: as `decode` does; no registry has the id, or it names none of our schemas.
        UnavailableError: the registry that may know the id does not answer. The message may be good: try it again.
    """
    registry = registry or builtin_registry()
    try:
        return decode(topic, data, registry)
    except UnknownSchemaError as unknown:
        await registry.source.learn(unknown.schema_id)
    return decode(topic, data, registry)


async def read_event_as(event: type[_E], data: bytes | None, registry: SchemaRegistry | None = None) -> _E:
    """Return the event of a known class. Raises and waits like `read_event`."""
    read = await read_event(event.TOPIC, data, registry)
    assert isinstance(read, event)
    return read
