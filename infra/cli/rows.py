"""Rows that people type or export (flags, JSON lines, CSV) to events."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, TypeVar

from pydantic import ValidationError

from schemas.errors import InvalidRequestError
from schemas.events import AlarmRaw, AlarmStatus, ChangeRaw, Event, KpiBatch, KpiSamples, LogBatch, LogLine
from schemas.events.base import Labels, Name, Record

__all__ = ["BadRow", "Defaults", "Parsed", "alarms", "changes", "instant", "kpis", "logs", "read_rows"]

Row = Mapping[str, object]
_CHUNK = 1_000
_FORM = "Write one JSON object a line, or a CSV in a file that ends in .csv."
_SAMPLES = 10_000
"""In one batch, at most: as many series as a batch may have, and far below the size of a message."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a row need not say."""

    tenant: str
    source: str
    now: datetime


@dataclass(frozen=True, slots=True)
class BadRow:
    """`number` counts from 1, without a CSV's header."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class Parsed:
    events: tuple[Event, ...]
    bad: tuple[BadRow, ...]


def read_rows(path: Path, stream: TextIO) -> Iterator[Row]:
    """Yield the rows of a CSV (by the file's ending) or of JSON lines; an empty cell is left out.

    Raises InvalidRequestError where a line is no JSON object.
    """
    if path.suffix.lower() == ".csv":
        for row in csv.DictReader(stream):
            yield {key: value for key, value in row.items() if key and value not in (None, "")}
        return
    for number, line in enumerate(stream, start=1):
        if line.strip():
            yield _json_object(line, number)


def _json_object(line: str, number: int) -> Row:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise InvalidRequestError(f"line {number} is not JSON: {error}", cure=_FORM) from error
    if not isinstance(value, dict):
        raise InvalidRequestError(f"line {number} is not a JSON object", cure=_FORM)
    return value


def alarms(rows: Iterable[Row], defaults: Defaults) -> Parsed:
    """A row each: name, service, and any other field of an alarm; `labels` as an object or `a=b,c=d`."""
    return _each(rows, lambda row: _alarm(row, defaults))


def changes(rows: Iterable[Row], defaults: Defaults) -> Parsed:
    """A row each: service, title, kind, time, version, author, url, labels."""
    return _each(rows, lambda row: _change(row, defaults))


def kpis(rows: Iterable[Row], defaults: Defaults) -> Parsed:
    """A row a sample: time, service, metric, value, and unit, labels. Samples are batched by service."""
    good, bad = _checked(rows, lambda row: _sample(row, defaults))
    by_service: dict[str, list[_Sample]] = defaultdict(list)
    for sample in sorted(good, key=lambda one: one.time_ms):
        by_service[sample.service].append(sample)
    events = [
        _kpi_batch(service, samples[start : start + _SAMPLES], defaults)
        for service, samples in by_service.items()
        for start in range(0, len(samples), _SAMPLES)
    ]
    return Parsed(tuple(events), bad)


def logs(rows: Iterable[Row], defaults: Defaults) -> Parsed:
    """A row a record: time, service, message, and severity, entity, trace_id. Records are batched by service."""
    good, bad = _checked(rows, lambda row: _line(row, defaults))
    by_service: dict[str, list[LogLine]] = defaultdict(list)
    for one in good:
        by_service[one.service].append(one.line)
    events = [
        _log_batch(service, lines[start : start + _CHUNK], defaults)
        for service, lines in by_service.items()
        for start in range(0, len(lines), _CHUNK)
    ]
    return Parsed(tuple(events), bad)


def _checked(rows: Iterable[Row], parse: Callable[[Row], _T]) -> tuple[list[_T], tuple[BadRow, ...]]:
    good: list[_T] = []
    bad: list[BadRow] = []
    for number, row in enumerate(rows, start=1):
        try:
            good.append(parse(row))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            bad.append(BadRow(number, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"))
        except (ValueError, TypeError, KeyError) as error:
            bad.append(
                BadRow(number, f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error))
            )
    return good, tuple(bad)


def _each(rows: Iterable[Row], parse: Callable[[Row], Event]) -> Parsed:
    good, bad = _checked(rows, parse)
    return Parsed(tuple(good), bad)


def _alarm(row: Row, defaults: Defaults) -> AlarmRaw:
    values = _common(row, defaults)
    at = values.pop("time")
    values.setdefault("started_at", at)
    values.setdefault("fingerprint", "/".join(str(row.get(key, "")) for key in ("name", "service", "entity")))
    if values.get("status") == AlarmStatus.CLEARED or values.get("severity") == "cleared":
        values |= {"status": AlarmStatus.CLEARED, "severity": "cleared"}
    return AlarmRaw.model_validate({"occurred_at": at, **values})


def _change(row: Row, defaults: Defaults) -> ChangeRaw:
    values = _common(row, defaults)
    at = values.pop("time")
    return ChangeRaw.model_validate({"occurred_at": at, **values})


def _common(row: Row, defaults: Defaults) -> dict[str, object]:
    values: dict[str, object] = {"tenant": defaults.tenant, "source": defaults.source, **row}
    values["time"] = instant(row.get("time"), defaults.now)
    if isinstance(values.get("labels"), str):
        values["labels"] = _labels(str(values["labels"]))
    return values


class _Sample(Record):
    service: Name
    metric: Name
    unit: str
    labels: Labels
    time_ms: int
    value: float


def _sample(row: Row, defaults: Defaults) -> _Sample:
    labels = row.get("labels", {})
    return _Sample.model_validate(
        {
            "service": row["service"],
            "metric": row["metric"],
            "unit": row.get("unit", ""),
            "labels": _labels(labels) if isinstance(labels, str) else labels,
            "time_ms": round(instant(row.get("time"), defaults.now).timestamp() * 1000),
            "value": row["value"],
        }
    )


def _kpi_batch(service: str, samples: Sequence[_Sample], defaults: Defaults) -> KpiBatch:
    columns: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[_Sample]] = defaultdict(list)
    for sample in samples:
        columns[sample.metric, sample.unit, tuple(sorted(sample.labels.items()))].append(sample)
    return KpiBatch(
        tenant=defaults.tenant,
        source=defaults.source,
        service=service,
        occurred_at=datetime.fromtimestamp(max(one.time_ms for one in samples) / 1000, UTC),
        series=tuple(
            KpiSamples(
                metric=metric,
                unit=unit,
                labels=dict(labels),
                times_ms=tuple(one.time_ms for one in column),
                values=tuple(one.value for one in column),
            )
            for (metric, unit, labels), column in columns.items()
        ),
    )


class _Line(Record):
    service: Name
    line: LogLine


def _line(row: Row, defaults: Defaults) -> _Line:
    values = {key: row[key] for key in ("severity", "entity", "trace_id") if key in row}
    line = {"at": instant(row.get("time"), defaults.now), "message": row["message"], **values}
    return _Line.model_validate({"service": row["service"], "line": line})


def _log_batch(service: str, lines: Sequence[LogLine], defaults: Defaults) -> LogBatch:
    return LogBatch(
        tenant=defaults.tenant,
        source=defaults.source,
        service=service,
        occurred_at=max(line.at for line in lines),
        records=tuple(lines),
    )


def _labels(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise ValueError(f"labels are written a=b,c=d, not {text!r}")
    return {key.strip(): value.strip() for key, _, value in pairs}


def instant(value: object, now: datetime) -> datetime:
    """Return the time: unix seconds or ISO 8601; without a zone it is UTC; None is now. Raises ValueError."""
    if value is None:
        return now
    text = str(value)
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time {text!r} is neither unix seconds nor ISO 8601") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
