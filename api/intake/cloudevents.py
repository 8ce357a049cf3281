"""CloudEvents 1.0 over HTTP: binary, structured JSON, JSON batch, with our own events as data.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import orjson

from api.intake.generic import Kind, Rows
from api.intake.json_text import as_object, media_type, nests_deeper, read_json
from api.intake.limits import Limits
from api.intake.parsed import Arrival, Item, Parsed, check_count, sort_out
from api.intake.refusal import ItemError, ItemReason, RefusalKind, RefusedError
from schemas.events import AlarmRaw, ChangeRaw, KpiBatch, LogBatch

__all__ = ["KINDS", "parse"]

KINDS: Final[Mapping[str, Kind]] = {
    AlarmRaw.TYPE: Kind.ALARMS,
    KpiBatch.TYPE: Kind.KPIS,
    LogBatch.TYPE: Kind.LOGS,
    ChangeRaw.TYPE: Kind.CHANGES,
}
"""What can be sent, by the event's `type`."""

_STRUCTURED: Final = "application/cloudevents+json"
_BATCH: Final = "application/cloudevents-batch+json"
_REQUIRED: Final = ("id", "source", "specversion", "type")
_NAME: Final = 256


def parse(body: bytes, headers: Mapping[str, str], arrival: Arrival) -> Parsed:
    """Return the events of a body that is not compressed. An item is a CloudEvent; `headers` have lower-case names.

    `time` and `source` of the CloudEvent stand in where its data does not say them.

    Raises:
        RefusedError: MEDIA_TYPE, MALFORMED, TOO_DEEP, TOO_MANY, INVALID.
    """
    taken = Rows(arrival)
    items = _items(body, headers, arrival.limits)
    good, bad = sort_out(items, lambda item: _take(item, taken, arrival), arrival.limits)
    return Parsed(taken.events(), len(good), tuple(bad))


def _items(body: bytes, headers: Mapping[str, str], limits: Limits) -> list[Item]:
    kind = media_type(headers.get("content-type", ""))
    if kind == _STRUCTURED:
        return [Item(0, "", read_json(body, limits))]
    if kind == _BATCH:
        value = read_json(body, limits)
        if not isinstance(value, list):
            raise RefusedError(RefusalKind.INVALID, "A batch of CloudEvents is an array.")
        check_count(len(value), limits)
        return [Item(index, f"/{index}", one) for index, one in enumerate(value)]
    if kind.startswith("application/cloudevents") or not _is_json(kind):
        raise RefusedError(
            RefusalKind.MEDIA_TYPE,
            f"The body is {kind[:80] or 'of no named type'}.",
            cure=f"Send {_STRUCTURED}, {_BATCH}, or JSON with the attributes in ce- headers.",
        )
    if "ce-specversion" not in headers:
        raise RefusedError(RefusalKind.INVALID, "JSON without a ce-specversion header is no CloudEvent.")
    told = {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
    return [Item(0, "", {**told, "data": read_json(body, limits)})]


def _take(item: Item, taken: Rows, arrival: Arrival) -> None:
    event = as_object(item, arrival.limits)
    told = {name: _attribute(event, name) for name in _REQUIRED}
    if told["specversion"] != "1.0":
        raise ItemError(ItemReason.INVALID_VALUE, "specversion is 1.0", pointer="/specversion")
    kind = KINDS.get(told["type"])
    if kind is None:
        known = ", ".join(KINDS)
        raise ItemError(ItemReason.UNKNOWN_TYPE, f"the type is none of {known}", pointer="/type")
    row = _data(event, arrival.limits)
    if "time" not in row and "occurred_at" not in row and event.get("time") is not None:
        row = {**row, "time": event["time"]}
    taken.add(kind, row, replace(arrival, source=told["source"][:_NAME]))


def _attribute(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise ItemError(ItemReason.MISSING_FIELD, f"{name} is a text that is not empty", pointer=f"/{name}")
    return value


def _data(event: Mapping[str, object], limits: Limits) -> dict[str, object]:
    kind = event.get("datacontenttype", "application/json")
    if not isinstance(kind, str) or not _is_json(media_type(kind)):
        raise ItemError(ItemReason.UNSUPPORTED, "the data is not JSON", pointer="/datacontenttype")
    data = event.get("data")
    if data is None and "data_base64" in event:
        data = _decoded(event["data_base64"], limits)
    if not isinstance(data, dict):
        raise ItemError(ItemReason.NOT_AN_OBJECT, "the data is a JSON object", pointer="/data")
    return data


def _decoded(value: object, limits: Limits) -> object:
    try:
        data: object = orjson.loads(base64.b64decode(str(value), validate=True))
    except (binascii.Error, orjson.JSONDecodeError) as error:
        raise ItemError(
            ItemReason.INVALID_VALUE, f"no JSON in base64: {error}", pointer="/data_base64"
        ) from error
    if nests_deeper(data, limits.depth):
        raise ItemError(
            ItemReason.TOO_DEEP, f"nests deeper than {limits.depth} levels", pointer="/data_base64"
        )
    return data


def _is_json(kind: str) -> bool:
    return kind in {"application/json", "text/json"} or kind.endswith("+json")
