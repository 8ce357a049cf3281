"""One JSON object to an alarm, a change, samples or log records: the fields that `tocsin send` takes, or a whole event.

A row says `time`; a whole event says `occurred_at` (and, of KPIs, `series`; of logs, `records`), as in the schemas.
The tenant is the sender's key's; ids follow from the events.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import Field

from api.intake.columns import SeriesName
from api.intake.labels import check_labels
from api.intake.limits import Limits
from api.intake.moments import checked_ms, in_range, instant
from api.intake.parsed import Arrival
from api.intake.refusal import ItemError, ItemReason
from schemas.events import AlarmRaw, AlarmStatus, ChangeRaw, KpiSamples, LogLine
from schemas.events.base import Labels, Name, Record

__all__ = ["Row", "alarm", "change", "log_lines", "samples", "series_name"]

Row = Mapping[str, object]

_LINES: Final = 10_000


def alarm(row: Row, arrival: Arrival) -> AlarmRaw:
    """Raises ItemError, ValidationError."""
    values = _common(row, arrival)
    at = values.pop("time")
    values.setdefault("started_at", at)
    values.setdefault("fingerprint", "/".join(str(row.get(key, "")) for key in ("name", "service", "entity")))
    if values.get("status") == AlarmStatus.CLEARED or values.get("severity") == "cleared":
        values |= {"status": AlarmStatus.CLEARED, "severity": "cleared"}
    found = AlarmRaw.model_validate({"occurred_at": at, **values, "received_at": arrival.at})
    in_range(found.started_at, pointer="/started_at")
    in_range(found.occurred_at, pointer="/occurred_at")
    check_labels(found.labels, arrival.limits)
    return found


def change(row: Row, arrival: Arrival) -> ChangeRaw:
    """Raises ItemError, ValidationError."""
    values = _common(row, arrival)
    at = values.pop("time")
    found = ChangeRaw.model_validate({"occurred_at": at, **values, "event_id": ""})
    in_range(found.occurred_at, pointer="/occurred_at")
    check_labels(found.labels, arrival.limits)
    return found


class _Sample(Record):
    source: Name
    service: Name
    metric: Name
    unit: str = ""
    labels: Labels = Field(default_factory=dict)
    value: float


class _Series(Record):
    source: Name
    service: Name
    series: tuple[KpiSamples, ...] = Field(min_length=1, max_length=10_000)


def samples(row: Row, arrival: Arrival) -> list[tuple[SeriesName, int, float]]:
    """Return series, unix milliseconds and value of each sample in the row. Raises ItemError, ValidationError."""
    values = _common(row, arrival)
    at = values.pop("time")
    for key in ("tenant", "event_id", "occurred_at"):
        values.pop(key, None)
    if "series" in values:
        return _columns(_Series.model_validate(values), arrival.limits)
    one = _Sample.model_validate(values)
    name = series_name(one.source, one.service, one.metric, one.unit, one.labels, arrival.limits)
    return [(name, _ms(at), one.value)]


def _columns(batch: _Series, limits: Limits) -> list[tuple[SeriesName, int, float]]:
    found = []
    for index, one in enumerate(batch.series):
        where = f"/series/{index}"
        name = series_name(
            batch.source, batch.service, one.metric, one.unit, one.labels, limits, pointer=where
        )
        found += [
            (name, checked_ms(at, pointer=f"{where}/times_ms"), value)
            for at, value in zip(one.times_ms, one.values, strict=True)
        ]
    return found


def series_name(  # noqa: PLR0913, PLR0917 - the parts of a name
    source: str,
    service: str,
    metric: str,
    unit: str,
    labels: Mapping[str, str],
    limits: Limits,
    *,
    pointer: str = "",
) -> SeriesName:
    """Return the name of a series whose parts are texts. Raises ItemError where one is missing or too long."""
    for what, text in (("source", source), ("service", service), ("metric", metric)):
        if not 1 <= len(text) <= limits.label_name:
            raise ItemError(
                ItemReason.INVALID_VALUE,
                f"{what} has {len(text)} characters, not 1 to {limits.label_name}",
                pointer=pointer,
            )
    if len(unit) > limits.unit:
        detail = f"unit has {len(unit)} characters, more than {limits.unit}"
        raise ItemError(ItemReason.INVALID_VALUE, detail, pointer=pointer)
    check_labels(labels, limits, pointer=f"{pointer}/labels")
    return SeriesName(source, service, metric, unit, tuple(sorted(labels.items())))


class _Line(LogLine):
    source: Name
    service: Name


class _Lines(Record):
    source: Name
    service: Name
    records: tuple[LogLine, ...] = Field(min_length=1, max_length=_LINES)


def log_lines(row: Row, arrival: Arrival) -> list[tuple[str, str, LogLine]]:
    """Return source, service and line of each record in the row. Raises ItemError, ValidationError."""
    values = _common(row, arrival)
    for key in ("tenant", "event_id", "occurred_at"):
        values.pop(key, None)
    at = values.pop("time")
    origin = {key: values.pop(key) for key in ("source", "service") if key in values}
    if "records" in values:
        several = _Lines.model_validate({**origin, **values})
        found = [(several.source, several.service, line) for line in several.records]
    else:
        one = _Line.model_validate({"at": at, **_attributed(values), **origin})
        found = [(one.source, one.service, LogLine(**one.model_dump(exclude={"source", "service"})))]
    for _, _, line in found:
        in_range(line.at, pointer="/time")
        check_labels(line.attributes, arrival.limits, pointer="/attributes")
    return found


def _attributed(values: Mapping[str, object]) -> dict[str, object]:
    """A log row's labels are its attributes."""
    line = dict(values)
    if "labels" in line:
        line.setdefault("attributes", line.pop("labels"))
    return line


def _common(row: Row, arrival: Arrival) -> dict[str, object]:
    if row.get("tenant", arrival.tenant) != arrival.tenant:
        raise ItemError(
            ItemReason.FOREIGN_TENANT, "the tenant is that of the key; leave it out", pointer="/tenant"
        )
    values: dict[str, object] = {"source": arrival.source, **row, "tenant": arrival.tenant}
    values["time"] = instant(row.get("time"), _told(row, arrival.at))
    if isinstance(values.get("labels"), str):
        values["labels"] = _pairs(str(values["labels"]))
    return values


def _told(row: Row, now: datetime) -> datetime:
    """A whole event says its time in `occurred_at`."""
    return instant(row.get("occurred_at"), now, pointer="/occurred_at")


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not separator for _, separator, _ in pairs):
        raise ItemError(ItemReason.INVALID_VALUE, "labels are written a=b,c=d", pointer="/labels")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _ms(at: object) -> int:
    assert isinstance(at, datetime)
    return round(at.timestamp() * 1000)
