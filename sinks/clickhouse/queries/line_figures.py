"""Queries that show again what a finding says of log lines: how often one was logged, in how many requests, how many there are.

They only make text for a person to run; nothing here is sent. A line belongs to a template that holds all its words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sinks.clickhouse.queries.conditions import Condition, Scope, among, both, bounds, equal
from sinks.clickhouse.queries.figures import Stretch
from sinks.clickhouse.query import Parameter, Query

__all__ = ["Line", "Looked", "lines_query", "requests_query", "written_query"]

_GAPS: Final = re.compile(r"[\s*]+")
_MICROSECOND: Final = timedelta(microseconds=1)
# How services write which request a line belongs to, and which visit to them: as the analysis reads it.
_ID: Final = r"""["'\s:=\[(]{1,4}([0-9A-Za-z][0-9A-Za-z-]{7,63})"""
_REQUEST: Final = rf"(?i)\b(?:trace|request|correlation|req)[-_. ]?id\b{_ID}"
_SPAN: Final = rf"(?i)\bspan[-_. ]?id\b{_ID}"
_W3C_REQUEST: Final = r"\b00-([0-9a-f]{32})-[0-9a-f]{16}-\d\d\b"
_W3C_SPAN: Final = r"\b00-[0-9a-f]{32}-([0-9a-f]{16})-\d\d\b"

_LINES: Final = """SELECT countIf(at < {since}) AS before, countIf(at >= {since}) AS since, minIf(at, at >= {since}) AS first,
  any(message) AS one_of_them
FROM (
  SELECT at, message
  FROM logs
  WHERE {where}
  LIMIT 1 BY at, event_id, _index
)"""

_REQUESTS: Final = """SELECT countIf(wrote AND begun < {since}) AS before, countIf(begun < {since}) AS before_of,
  countIf(wrote AND begun >= {since}) AS after, countIf(begun >= {since}) AS after_of
FROM (
  SELECT request, {visit} AS visit, min(begun) AS begun,
    max(service = {{asked_service:String}} AND {asked}) AS asked, max(service = {{service:String}} AND {wrote}) AS wrote
  FROM (
    SELECT service, message, request, min(at) OVER (PARTITION BY request) AS begun
    FROM (
      SELECT at, service, message,
        coalesce(nullIf(extract(message, {{named:String}}), ''), nullIf(extract(message, {{w3c:String}}), ''),
          if(match(trace_id, '[^0-]'), trace_id, '')) AS request
      FROM logs
      WHERE {where}
      LIMIT 1 BY at, event_id, _index
    )
    WHERE request != ''
  )
  WHERE service IN ({{service:String}}, {{asked_service:String}})
  GROUP BY request, visit
)
WHERE asked"""

_VISIT: Final = "coalesce(nullIf(extract(message, {span:String}), ''), extract(message, {w3c_span:String}))"


@dataclass(frozen=True, slots=True)
class Line:
    """What a service logs: what varies in the template is `*`."""

    service: str
    template: str

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for word in _GAPS.split(self.template) if word)


@dataclass(frozen=True, slots=True)
class Looked:
    """The lines that were looked at: those of the scope, but for the spans `without`, each without its end."""

    scope: Scope
    without: Sequence[Stretch] = ()


def lines_query(scope: Scope, line: Line, since: datetime) -> Query:
    """Return the query for how many of these lines there were before and since a moment, and one of them."""
    where = both(bounds(scope, "at"), equal("service", line.service))
    condition = _indented(f"{where.sql}\n  AND {_held('words')}", 2)
    parameters = {**where.parameters, "since": since, "words": line.words}
    return Query("lines", _LINES.format(since=_instant("since"), where=condition), parameters)


def requests_query(looked: Looked, line: Line, asked: Line, since: datetime) -> Query:
    """Return the query for how many of the requests that wrote `asked` wrote the line, of those begun before a moment and since.

    Within one service each visit of a request is one, where its lines name their span.
    """
    where = _looked_at(looked)
    visits: dict[str, Parameter] = {"span": _SPAN, "w3c_span": _W3C_SPAN}
    inside = line.service == asked.service
    sql = _REQUESTS.format(
        since=_instant("since"),
        visit=_VISIT if inside else "''",
        asked=_held("asked_words"),
        wrote=_held("words"),
        where=_indented(where.sql, 6),
    )
    parameters: dict[str, Parameter] = {
        **where.parameters,
        **(visits if inside else {}),
        "since": since,
        "named": _REQUEST,
        "w3c": _W3C_REQUEST,
        "service": line.service,
        "words": line.words,
        "asked_service": asked.service,
        "asked_words": asked.words,
    }
    return Query("requests", sql, parameters)


def written_query(looked: Looked, service: str, since: datetime) -> Query:
    """Return the query for how many lines a service wrote before and since a moment."""
    where = both(_looked_at(looked), among("service", (service,)))
    sql = _LINES.format(since=_instant("since"), where=_indented(where.sql, 2))
    return Query("written", sql, {**where.parameters, "since": since})


def _looked_at(looked: Looked) -> Condition:
    left_out = [
        Condition(
            f"NOT (at BETWEEN {_instant(f'without_{number}_since')} AND {_instant(f'without_{number}_until')})",
            {f"without_{number}_since": span.since, f"without_{number}_until": span.until - _MICROSECOND},
        )
        for number, span in enumerate(looked.without)
    ]
    return both(bounds(looked.scope, "at"), *left_out)


def _held(words: str) -> str:
    return f"arrayAll(word -> positionCaseInsensitiveUTF8(message, word) > 0, {{{words}:Array(String)}})"


def _instant(name: str) -> str:
    return f"{{{name}:DateTime64(6, 'UTC')}}"


def _indented(condition: str, by: int) -> str:
    return condition.replace("\n", f"\n{' ' * by}")
