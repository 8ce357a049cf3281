"""Alarms as bytes on the wire: good ones, and ones spoilt in ten ways, each with the reason it is refused for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.codec import encode
from schemas.events import AlarmRaw, ChangeRaw

__all__ = ["WAYS", "RawAlarm", "raw_alarms"]


@dataclass(frozen=True, slots=True)
class RawAlarm:
    """One message; `reason` is why it must be refused, empty where it is good. `event_id` names a good one."""

    key: bytes
    value: bytes | None
    reason: str
    event_id: str


def _body(alarm: AlarmRaw) -> bytes:
    return encode(alarm)[5:]


def _of_another_topic(alarm: AlarmRaw) -> bytes:
    return encode(
        ChangeRaw(
            tenant=alarm.tenant, occurred_at=alarm.occurred_at, source="e2e", service="cart", title="deploy"
        )
    )


def _in_future(alarm: AlarmRaw) -> bytes:
    later = alarm.occurred_at + timedelta(days=2)
    return encode(alarm.model_copy(update={"occurred_at": later, "started_at": later, "event_id": ""}))


WAYS: Mapping[str, tuple[str, Callable[[AlarmRaw], bytes | None]]] = {
    "no value": ("empty", lambda alarm: None),
    "another magic byte": ("bad_magic", lambda alarm: b"\x01" + encode(alarm)[1:]),
    "JSON": ("bad_magic", lambda alarm: alarm.model_dump_json().encode()),
    "only the frame's start": ("truncated", lambda alarm: encode(alarm)[:4]),
    "a schema nobody knows": ("unknown_schema", lambda alarm: b"\x00\x00\x00\x00\x01" + _body(alarm)),
    "cut": ("avro_decode", lambda alarm: encode(alarm)[:20]),
    "something after the end": ("trailing_bytes", lambda alarm: encode(alarm) + b"!"),
    "another topic's event": ("wrong_topic", _of_another_topic),
    "no name": ("invalid_value", lambda alarm: encode(alarm.model_copy(update={"name": ""}))),
    "the day after tomorrow": ("in_future", _in_future),
}


def raw_alarms(
    tenant: str, total: int, malformed: int, at: datetime, services: int = 5
) -> Iterator[RawAlarm]:
    """Yield `total` alarms of so many services, `malformed` of them spoilt, evenly spread and each way as often."""
    ways, every = list(WAYS.values()), total // malformed
    for number in range(total):
        alarm = AlarmRaw(
            tenant=tenant,
            occurred_at=at,
            started_at=at,
            source="e2e",
            fingerprint=f"e2e/{number}",
            name="HighLatency",
            service=f"service-{number % services}",
        )
        reason, spoil = ways[number // every % len(ways)] if number % every == 0 else ("", encode)
        yield RawAlarm(alarm.key.encode(), spoil(alarm), reason, "" if reason else alarm.event_id)
