"""Log lines as columns: when, which statement of which service, in which request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.analysis.log_mining.failures import (
    FAILURE_LEVELS,
    failure_class,
    speaks_http,
    status_class,
)
from agents.analysis.log_mining.frames import stack_class
from agents.analysis.log_mining.plain import plain
from agents.analysis.log_mining.stacks import Event, events_of
from agents.analysis.log_mining.templates import HEAD, TEMPLATE, Reading, merged, place_of, read_line
from agents.analysis.signals import FloatArray, LogRecord

__all__ = ["NOWHERE", "IntArray", "LineTable", "Statement", "tabulated"]

IntArray = NDArray[np.intp]

NOWHERE = -1
"""The request of a line that names none."""

# More requests show hardly more of the ways that they go, and would be kept as one number a statement each.
_MOST_REQUESTS = 4000

# How services write which request a line belongs to: a key and an identifier, or W3C's `traceparent`; with the span
# where there is one, as one request may ask a service many times.
_ID = r"""["'\s:=\[(]{1,4}([0-9A-Za-z][0-9A-Za-z-]{7,63})"""
_REQUEST = re.compile(
    rf"\b(?:[Tt]race|TRACE|[Rr]equest|REQUEST|[Cc]orrelation|[Rr]eq)[-_. ]?(?:[Ii][Dd])\b{_ID}"
    rf"(?:\W+(?:[Ss]pan|SPAN)[-_. ]?(?:[Ii][Dd])\b{_ID})?"
    r"|\b00-([0-9a-f]{32})-([0-9a-f]{16})-\d\d\b"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One logging statement of one service; `failure` is what kind of failure it names, if it does."""

    service: str
    template: str
    error: bool
    failure: str = ""


@dataclass(frozen=True, slots=True)
class LineTable:
    """Lines in order of time. `statement` counts in `statements`; `request` and `visit` are `NOWHERE` where not named.

    A visit is what one request has one service do, once where the lines name their span.
    """

    statements: tuple[Statement, ...]
    times: FloatArray
    statement: IntArray
    request: IntArray
    visit: IntArray

    @property
    def services(self) -> tuple[str, ...]:
        """In order of name."""
        return tuple(sorted({one.service for one in self.statements}))


@dataclass(slots=True)
class _Known:
    """What the first line from a place in the code says of the lines that follow from there."""

    template: str
    failure: bool
    http: bool


class _Columns:
    """Rows as they are read; statements, requests and visits are numbered in order of appearance."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, int, int, int]] = []
        self.statements: dict[tuple[str, str], int] = {}
        self.requests: dict[str, int] = {}
        self.visits: dict[tuple[str, str, str], int] = {}
        self.failures: dict[int, str] = {}
        self.places: dict[tuple[str, str], _Known] = {}

    def add(self, event: Event) -> None:
        record = event.record
        template, failure = self._read(event)
        number = self.statements.setdefault((record.service, template), len(self.statements))
        if number not in self.failures and (failure or record.severity.lower() in FAILURE_LEVELS):
            self.failures[number] = failure_class(record.message[:HEAD])
        request, visit = self._request(record)
        self.rows.append((record.time, number, request, visit))

    def _read(self, event: Event) -> Reading:
        """The statement of a line and whether it reports a failure. A place in the code needs to be read once."""
        message, stack = event.record.message, event.stack
        failed = stack_class(stack, message.partition("\n")[0]) if stack else ""
        if failed:
            template, _ = read_line(message.partition("\n")[0])
            return f"{template[: TEMPLATE - len(failed) - 1]} {failed}"[:TEMPLATE], True
        place = place_of(message)
        if not place:
            return read_line(plain(message))
        known = self.places.get((event.record.service, place))
        if known is None:
            template, failure = read_line(message)
            known = _Known(template, failure, http=speaks_http(message[:HEAD]))
            self.places[event.record.service, place] = known
        if not known.failure and not known.http:
            return known.template, False
        return _with_class(known, message[:HEAD])

    def _request(self, record: LogRecord) -> tuple[int, int]:
        named = _named_request(record.message[:HEAD])
        if named is None and not record.trace_id.strip("0-"):
            return NOWHERE, NOWHERE
        key, span, parent, child = named.groups() if named else (record.trace_id, "", "", "")
        one = key or parent
        request = self.requests.setdefault(one, len(self.requests))
        visit = (record.service, one, span or child or "")
        return request, self.visits.setdefault(visit, len(self.visits))

    def table(self) -> LineTable:
        times, *numbers = zip(*self.rows, strict=True) if self.rows else ((), (), (), ())
        statement, request, visit = (np.array(column, dtype=np.intp) for column in numbers)
        statements, places = self._merged()
        statement = places[statement]
        kept = _telling(statement, request)
        return LineTable(
            statements=statements,
            times=np.array(times, dtype=np.float64),
            statement=statement,
            request=_numbered(np.where(kept, request, NOWHERE)),
            visit=_numbered(np.where(kept, visit, NOWHERE)),
        )

    def _merged(self) -> tuple[tuple[Statement, ...], IntArray]:
        """The statements without values left in them, and the number of each old one among them."""
        by_service: dict[str, list[str]] = {}
        for service, template in self.statements:
            by_service.setdefault(service, []).append(template)
        told = {service: merged(templates) for service, templates in by_service.items()}
        found: dict[tuple[str, str], int] = {}
        failures: dict[int, str] = {}
        places = np.zeros(len(self.statements), dtype=np.intp)
        for (service, template), number in self.statements.items():
            places[number] = place = found.setdefault((service, told[service][template]), len(found))
            if number in self.failures:
                failures[place] = failures.get(place) or self.failures[number]
        made = (
            Statement(service, text, k in failures, failures.get(k, ""))
            for (service, text), k in found.items()
        )
        return tuple(made), places


def tabulated(records: Iterable[LogRecord]) -> LineTable:
    """Read the records: a stack trace is one line with what it belongs to. Work is bounded by each line's beginning."""
    columns = _Columns()
    # An event is known when the next of its service comes, which may be long after those of others.
    for event in sorted(events_of(records), key=lambda one: one.record.time):
        columns.add(event)
    return columns.table()


def _telling(statement: IntArray, request: IntArray) -> NDArray[np.bool_]:
    """Which lines are to be read within their requests: not those of statements that always stand alone in theirs.

    Of very many requests an even share, in order of their first lines.
    """
    kept = request != NOWHERE
    number = int(request.max(initial=NOWHERE)) + 1
    if number > _MOST_REQUESTS:
        chosen = np.zeros(number, dtype=np.bool_)
        chosen[np.linspace(0, number - 1, _MOST_REQUESTS).astype(np.intp)] = True
        kept &= chosen[request]
    pairs = np.unique(np.stack([request[kept], statement[kept]]), axis=1)
    together = np.bincount(pairs[0], minlength=number) > 1
    linked = np.unique(pairs[1][together[pairs[0]]])
    result: NDArray[np.bool_] = kept & np.isin(statement, linked)
    return result


def _numbered(column: IntArray) -> IntArray:
    """The column with what is left of its numbers, `NOWHERE` apart, counted anew from 0."""
    left = np.unique(column[column != NOWHERE])
    return np.where(column == NOWHERE, NOWHERE, np.searchsorted(left, column)).astype(np.intp)


def _named_request(head: str) -> re.Match[str] | None:
    # Its words hold one of these: most lines name no request, and need not be searched.
    if "id" in head or "Id" in head or "ID" in head or "iD" in head or "00-" in head:
        return _REQUEST.search(head)
    return None


def _with_class(known: _Known, head: str) -> Reading:
    """The statement with the kind of failure that this line names: one place may report many."""
    named = failure_class(head) if known.failure else status_class(head)
    failure = known.failure or named == "5xx"
    if not named or named in known.template or not failure:
        return known.template, failure
    return f"{known.template[: TEMPLATE - len(named) - 1]} {named}", True
