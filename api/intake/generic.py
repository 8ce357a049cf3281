"""Alarms, KPIs, logs and changes as JSON (an object or an array of objects) or NDJSON (an object a line)."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from api.intake import rows
from api.intake.columns import KpiColumns, LogColumns
from api.intake.json_text import as_object, json_items
from api.intake.parsed import Arrival, Item, Parsed, sort_out
from schemas.events import AlarmRaw, ChangeRaw, Event

__all__ = ["Kind", "Rows", "parse"]


class Kind(StrEnum):
    ALARMS = "alarms"
    KPIS = "kpis"
    LOGS = "logs"
    CHANGES = "changes"


class Rows:
    """Takes rows of any kind, one by one, and gives their events back."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self._single: list[AlarmRaw | ChangeRaw] = []
        self._kpis = KpiColumns()
        self._logs = LogColumns()

    def add(self, kind: Kind, row: rows.Row, arrival: Arrival | None = None) -> None:
        """Take all of the row, or nothing of it. Raises ItemError, ValidationError."""
        arrival = arrival or self._arrival
        match kind:
            case Kind.ALARMS:
                self._single.append(rows.alarm(row, arrival))
            case Kind.CHANGES:
                self._single.append(rows.change(row, arrival))
            case Kind.KPIS:
                for name, time_ms, value in rows.samples(row, arrival):
                    self._kpis.add(name, time_ms, value)
            case Kind.LOGS:
                for source, service, line in rows.log_lines(row, arrival):
                    self._logs.add(source, service, line)
            case _:
                assert_never(kind)

    def events(self) -> tuple[Event, ...]:
        tenant = self._arrival.tenant
        return (*self._single, *self._kpis.batches(tenant), *self._logs.batches(tenant))


def parse(kind: Kind, body: bytes, content_type: str, arrival: Arrival) -> Parsed:
    """Return the events of a body that is not compressed. An item is a row.

    Raises:
        RefusedError: MEDIA_TYPE, MALFORMED, TOO_DEEP, TOO_MANY.
    """
    items, broken = json_items(body, content_type, arrival.limits)
    taken = Rows(arrival)

    def take(item: Item) -> None:
        taken.add(kind, as_object(item, arrival.limits))

    good, bad = sort_out(items, take, arrival.limits)
    problems = sorted([*broken, *bad], key=lambda one: one.index)
    return Parsed(taken.events(), len(good), tuple(problems))
