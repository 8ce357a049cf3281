"""OTLP logs to log batches.

https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from api.intake.columns import LogColumns
from api.intake.labels import entity_of
from api.intake.limits import Limits
from api.intake.moments import of_ns
from api.intake.otlp import Encoding, attributes, read_request, service_name, text_of
from api.intake.parsed import Arrival, Item, Parsed, check_count, sort_out
from api.intake.refusal import ItemError, ItemReason
from schemas.events import LogLine, LogSeverity

__all__ = ["parse"]

_TEXT: Final = 32_768
_BY_NUMBER: Final = tuple(LogSeverity)
_BY_TEXT: Final[Mapping[str, LogSeverity]] = {
    **{one.value: one for one in LogSeverity},
    "warning": LogSeverity.WARN,
    "err": LogSeverity.ERROR,
    "critical": LogSeverity.FATAL,
    "information": LogSeverity.INFO,
}


@dataclass(frozen=True, slots=True)
class _Told:
    """One record with what it stands in."""

    service: str
    entity: str
    record: LogRecord
    pointer: str


def parse(body: bytes, encoding: Encoding, arrival: Arrival) -> Parsed:
    """Return the log batches of a body that is not compressed. An item is a log record.

    A longer message is cut at 32,768 characters, attributes after the 64th and their characters after the limit's.

    Raises:
        RefusedError: MALFORMED, TOO_DEEP, TOO_MANY.
    """
    request = read_request(ExportLogsServiceRequest(), body, encoding, arrival.limits)
    told = list(_records(request))
    check_count(len(told), arrival.limits)
    columns = LogColumns()

    def take(item: Item) -> None:
        assert isinstance(item.value, _Told)
        columns.add(arrival.source, item.value.service, _line(item.value, encoding, arrival))

    items = [Item(index, one.pointer, one) for index, one in enumerate(told)]
    good, bad = sort_out(items, take, arrival.limits, raw=_raw)
    return Parsed(tuple(columns.batches(arrival.tenant)), len(good), tuple(bad))


def _raw(item: Item) -> bytes:
    assert isinstance(item.value, _Told)
    return item.value.record.SerializeToString()


def _records(request: ExportLogsServiceRequest) -> Iterator[_Told]:
    for place, resource in enumerate(request.resource_logs):
        named = attributes(resource.resource.attributes)
        service, entity = service_name(named), entity_of(named)
        for scope, scoped in enumerate(resource.scope_logs):
            where = f"/resourceLogs/{place}/scopeLogs/{scope}/logRecords"
            for index, record in enumerate(scoped.log_records):
                yield _Told(service, entity, record, f"{where}/{index}")


def _line(told: _Told, encoding: Encoding, arrival: Arrival) -> LogLine:
    record = told.record
    if record.ByteSize() > arrival.limits.item:
        detail = f"{record.ByteSize()} bytes, more than {arrival.limits.item}"
        raise ItemError(ItemReason.TOO_LARGE, detail)
    at = record.time_unix_nano or record.observed_time_unix_nano
    return LogLine(
        at=of_ns(at, pointer="/timeUnixNano") if at else arrival.at,
        severity=_severity(record),
        message=(text_of(record.body) or record.event_name)[:_TEXT],
        entity=told.entity[: arrival.limits.label_value],
        trace_id=_trace_id(record.trace_id, encoding),
        attributes=_bounded(attributes(record.attributes), arrival.limits),
    )


def _severity(record: LogRecord) -> LogSeverity:
    """Four numbers each, from 1 on (data model, SeverityNumber); where there is none, the text."""
    number = record.severity_number
    if 1 <= number <= 4 * len(_BY_NUMBER):
        return _BY_NUMBER[(number - 1) // 4]
    return _BY_TEXT.get(record.severity_text.strip().lower(), LogSeverity.INFO)


def _trace_id(read: bytes, encoding: Encoding) -> str:
    """OTLP writes ids in hexadecimal in JSON too, where protobuf's own JSON reads base64: undo that reading."""
    text = read.hex() if encoding is Encoding.PROTOBUF else base64.b64encode(read).decode().lower()
    if len(text) not in {0, 32}:
        detail = "a trace id has 16 bytes, in JSON 32 hexadecimal digits"
        raise ItemError(ItemReason.INVALID_VALUE, detail, pointer="/traceId")
    return text


def _bounded(found: Mapping[str, str], limits: Limits) -> dict[str, str]:
    return {
        name[: limits.label_name]: value[: limits.label_value]
        for name, value in islice(found.items(), limits.labels)
    }
