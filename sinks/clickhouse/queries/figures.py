"""Queries that show one figure again: what a finding says of one metric, or of what a service reports.

They only make text for a person to run; nothing here is sent. Each keeps to one service and one window, and counts what
was sent or landed twice once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sinks.clickhouse.queries.conditions import Condition, Scope, both, bounds, equal
from sinks.clickhouse.query import Parameter, Query

__all__ = ["Compared", "Earlier", "Series", "Stretch", "levels_query", "reporting_query"]

_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """[since, until], both ends included."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Compared:
    """A scope whose part before `start` is what is usual, but for the spans `without`, each without its end."""

    scope: Scope
    start: datetime
    without: Sequence[Stretch] = ()


# Each span is a condition of its name.
_LEVELS: Final = """WITH
{spans}
SELECT metric, labels_json, any(unit) AS unit,
  quantileExactInclusiveIf(0.5)(value, healthy) AS {usual},
  quantileExactInclusiveIf(0.5)(value, shifted) AS after{earlier},
  quantileExactInclusiveIf(0.9)(value, shifted) - quantileExactInclusiveIf(0.1)(value, shifted) AS spread_after
FROM (
  SELECT metric, labels_json, time, unit, value
  FROM kpis
  WHERE {where}
  ORDER BY metric, labels_json, time, landed_at DESC, _offset DESC, _index DESC
  LIMIT 1 BY metric, labels_json, time
)
WHERE isFinite(value)
GROUP BY metric, labels_json
ORDER BY metric, labels_json"""

_MOVED: Final = """,
  quantileExactInclusiveIf(0.5)(value, shifted_{days}) - quantileExactInclusiveIf(0.5)(value, healthy_{days}) AS {name}"""

_REPORTING: Final = """SELECT metric, labels_json, countIf(time < {start}) AS before, countIf(time >= {start}) AS since, max(time) AS last
FROM (
  SELECT metric, labels_json, time, value
  FROM kpis
  WHERE {where}
  ORDER BY metric, labels_json, time, landed_at DESC, _offset DESC, _index DESC
  LIMIT 1 BY metric, labels_json, time
)
WHERE isFinite(value)
GROUP BY metric, labels_json
ORDER BY last, metric, labels_json"""


@dataclass(frozen=True, slots=True)
class Earlier:
    """Other days at the same time: how many days before each was, by the name of its column.

    What is of the same time may be off by less than `slack`.
    """

    days: Mapping[str, int]
    slack: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one service; all of its metrics where none is named."""

    service: str
    metric: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def condition(self) -> Condition:
        own = equal("service", self.service)
        if not self.metric:
            return own
        return both(own, equal("metric", self.metric), equal("labels_json", _canonical(self.labels)))


def levels_query(
    compared: Compared, series: Series, shifted: Stretch, earlier: Earlier, usual: str = "before"
) -> Query:
    """Return the query for the medians of a series: of what is `usual`, in a column of that name, and of the stretch.

    For each of the `earlier` days also by how much the stretch was off what was usual then.
    """
    parts = _Parts()
    start = compared.scope.start
    spans = {
        "healthy": _usual(compared, parts),
        "shifted": parts.between("shifted", shifted.since, shifted.until),
    }
    for days in earlier.days.values():
        ago = days * _DAY
        then = shifted.since - ago - earlier.slack, shifted.until - ago + earlier.slack - _MICROSECOND
        spans[f"shifted_{days}"] = parts.between(f"shifted_{days}", *then)
        before = start - ago, compared.start - ago - _MICROSECOND
        spans[f"healthy_{days}"] = parts.between(f"healthy_{days}", *before)
    oldest = max(earlier.days.values(), default=0) * _DAY
    where = both(
        bounds(Scope(compared.scope.tenant, start - oldest, compared.scope.end), "time"),
        series.condition(),
    )
    sql = _LEVELS.format(
        spans=",\n".join(f"  {condition} AS {name}" for name, condition in spans.items()),
        usual=usual,
        earlier="".join(_MOVED.format(days=days, name=name) for name, days in earlier.days.items()),
        where=_indented(where.sql),
    )
    return Query("levels", sql, {**where.parameters, **parts.parameters})


def reporting_query(compared: Compared, service: str) -> Query:
    """Return the query for how often each series of a service was reported before and since `start`, and last."""
    parts = _Parts()
    where = both(bounds(compared.scope, "time"), equal("service", service))
    sql = _REPORTING.format(start=parts.instant("from", compared.start), where=_indented(where.sql))
    return Query("reporting", sql, {**where.parameters, **parts.parameters})


def _indented(condition: str) -> str:
    return condition.replace("\n", "\n  ")


def _canonical(labels: Mapping[str, str]) -> str:
    """As the table has them."""
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _usual(compared: Compared, parts: _Parts) -> str:
    kept = [parts.between("healthy", compared.scope.start, compared.start - _MICROSECOND)]
    for number, span in enumerate(compared.without):
        kept.append(f"NOT ({parts.between(f'without_{number}', span.since, span.until - _MICROSECOND)})")
    return f"({' AND '.join(kept)})"


class _Parts:
    """Conditions on time, and the parameters that they name."""

    def __init__(self) -> None:
        self.parameters: dict[str, Parameter] = {}

    def instant(self, name: str, at: datetime) -> str:
        self.parameters[name] = at
        return f"{{{name}:DateTime64(6, 'UTC')}}"

    def between(self, name: str, since: datetime, until: datetime) -> str:
        return (
            f"time BETWEEN {self.instant(f'{name}_since', since)} AND {self.instant(f'{name}_until', until)}"
        )
