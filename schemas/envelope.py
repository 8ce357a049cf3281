"""Message headers: CloudEvents 1.0 in the binary mode of its Kafka binding, and W3C `traceparent`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.events.base import Event
from schemas.registry import SchemaRegistry, builtin_registry

__all__ = ["Envelope", "Headers", "headers_of", "read_envelope"]

Headers = list[tuple[str, bytes]]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message's headers say. Everything may be missing: a producer outside need not send headers."""

    event_id: str = ""
    type: str = ""
    source: str = ""
    subject: str = ""
    time: datetime | None = None
    traceparent: str = ""


def headers_of(
    event: Event, *, source: str, traceparent: str = "", registry: SchemaRegistry | None = None
) -> Headers:
    """Return the headers of an event that `source` (for example `/tocsin/stream`) produces."""
    schema = (registry or builtin_registry()).current[event.TOPIC]
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event.event_id.encode()),
        ("ce_type", event.TYPE.encode()),
        ("ce_source", source.encode()),
        ("ce_subject", event.subject.encode()),
        ("ce_time", event.occurred_at.isoformat().encode()),
        ("ce_dataschema", f"/schemas/ids/{schema.id}".encode()),
        ("content-type", b"application/avro"),
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    return headers


def read_envelope(headers: Iterable[tuple[str, bytes | None]] | None) -> Envelope:
    """Return what the headers say; whatever is not readable is left empty, never an error."""
    texts = {name: (value or b"").decode("utf-8", "replace") for name, value in headers or ()}
    traceparent = texts.get("traceparent", "")
    return Envelope(
        event_id=texts.get("ce_id", ""),
        type=texts.get("ce_type", ""),
        source=texts.get("ce_source", ""),
        subject=texts.get("ce_subject", ""),
        time=_time(texts.get("ce_time", "")),
        traceparent=traceparent if _TRACEPARENT.fullmatch(traceparent) else "",
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
