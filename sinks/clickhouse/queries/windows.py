"""What services measured, said and underwent in a window of time: the agents' view of the tables.

Every window is [start, end] in event time, of one tenant, bounded by a limit of rows, and of seconds, after which ClickHouse
ends it (TimeLimitError); `services` None is all of them.
What was sent or landed twice is in the answer once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.events import ChangeKind, LogSeverity
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, among, both, bounds
from sinks.clickhouse.query import Answer, Limit, Query

__all__ = [
    "ChangeRow",
    "KpiSeries",
    "LogRow",
    "WatermarkTable",
    "change_window",
    "kpi_window",
    "log_window",
    "watermark",
]

_SAMPLES: Final = Limit(2_000_000)
_LINES: Final = Limit(100_000)
_EVENTS: Final = Limit(10_000)

WatermarkTable = Literal["kpis", "logs", "changes", "alarms"]
_TIME_COLUMN: Mapping[WatermarkTable, str] = {
    "kpis": "time",
    "logs": "at",
    "changes": "occurred_at",
    "alarms": "occurred_at",
}


@dataclass(frozen=True, slots=True, eq=False)
class KpiSeries:
    """One metric of one service: `times_ms` (unix ms, ascending, distinct) and `values` (NaN: missing) run along."""

    service: str
    metric: str
    labels: Mapping[str, str]
    unit: str
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LogRow:
    at: datetime
    service: str
    severity: LogSeverity
    message: str
    entity: str
    trace_id: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ChangeRow:
    event_id: str
    occurred_at: datetime
    source: str
    service: str
    kind: ChangeKind
    title: str
    version: str
    author: str
    url: str
    labels: Mapping[str, str]


# LIMIT BY over rows in the order of the key takes a fifth of the time of an aggregation by sample.
_KPIS = """SELECT service, metric, labels_json, unit, samples.1 AS times_ms, samples.2 AS values
FROM (
  SELECT service, metric, labels_json, any(unit) AS unit,
    arraySort(groupArray((toUnixTimestamp64Milli(time), value))) AS samples
  FROM (
    SELECT service, metric, labels_json, time, unit, value
    FROM kpis
    WHERE {where}
    ORDER BY service, metric, labels_json, time, landed_at DESC, _offset DESC, _index DESC
    LIMIT 1 BY service, metric, labels_json, time
    LIMIT {{limit:UInt64}}
  )
  GROUP BY service, metric, labels_json
)
ORDER BY service, metric, labels_json"""


async def kpi_window(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    metrics: Collection[str] | None = None,
    limit: Limit = _SAMPLES,
) -> Answer[KpiSeries]:
    """Return the series in order of service, metric, labels. The limit's rows are samples; of a repeat the last landed holds."""
    where = both(
        bounds(scope, "time"),
        among("service", services),
        among("metric", metrics),
    )
    query = Query(
        "kpi_window", _KPIS.format(where=where.sql), {**where.parameters, "limit": limit.rows}, limit.seconds
    )
    found = await clickhouse.query(query)
    series = tuple(_series(row) for row in found.rows)
    return Answer(series, found.info, sum(len(one.times_ms) for one in series) >= limit.rows)


def _series(row: Mapping[str, Any]) -> KpiSeries:
    return KpiSeries(
        service=row["service"],
        metric=row["metric"],
        labels=json.loads(row["labels_json"]),
        unit=row["unit"],
        times_ms=np.asarray(row["times_ms"], dtype=np.int64),
        values=np.asarray(row["values"], dtype=np.float64),
    )


# More lines than the limit are thinned out over the whole window, a line's id deciding: the first so many would end before
# the incident does. The margin keeps chance from making them too many after all.
_LOGS = """WITH (
  SELECT if(count() <= {{limit:UInt64}}, 1, toUInt64(ceil(1.05 * count() / {{limit:UInt64}})))
  FROM logs
  WHERE {where}
) AS one_in
SELECT at, service, severity, message, entity, trace_id, attributes, one_in
FROM logs
WHERE {where}
  AND cityHash64(event_id, _index) % one_in = 0
ORDER BY at, service, event_id, _index
LIMIT 1 BY at, service, event_id, _index
LIMIT {{limit:UInt64}}"""


async def log_window(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    limit: Limit = _LINES,
) -> Answer[LogRow]:
    """Return lines in order of time; a batch landed from two messages is there once.

    Where there are more than `limit`, every so many-th (`one_in`) is returned, evenly over the window, the same ones each time.
    """
    where = both(bounds(scope, "at"), among("service", services))
    query = Query(
        "log_window", _LOGS.format(where=where.sql), {**where.parameters, "limit": limit.rows}, limit.seconds
    )
    found = await clickhouse.query(query)
    one_in = max((int(row["one_in"]) for row in found.rows[:1]), default=1)
    return Answer(tuple(_line(row) for row in found.rows), found.info, one_in > 1, one_in)


def _line(row: Mapping[str, Any]) -> LogRow:
    known = {name: value for name, value in row.items() if name != "one_in"}
    return LogRow(**{**known, "severity": LogSeverity(row["severity"])})


_CHANGES = """SELECT event_id, occurred_at, source, service, kind, title, version, author, url, labels
FROM changes
WHERE {where}
ORDER BY occurred_at DESC, event_id, landed_at
LIMIT 1 BY occurred_at, event_id
LIMIT {{limit:UInt64}}"""


async def change_window(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    limit: Limit = _EVENTS,
) -> Answer[ChangeRow]:
    """Return changes in order of time, the latest so many: what changed last is looked at first."""
    where = both(bounds(scope, "occurred_at"), among("service", services))
    parameters = {**where.parameters, "limit": limit.rows}
    found = await clickhouse.query(
        Query("change_window", _CHANGES.format(where=where.sql), parameters, limit.seconds)
    )
    rows = [ChangeRow(**{**row, "kind": ChangeKind(row["kind"])}) for row in found.rows]
    rows.sort(key=lambda row: (row.occurred_at, row.event_id))
    return Answer(tuple(rows), found.info, len(rows) >= limit.rows)


async def watermark(clickhouse: ClickHouse, scope: Scope, table: WatermarkTable) -> datetime | None:
    """Return the latest event time of the scope that has landed in the table, or None when nothing has.

    The end of the scope keeps a source whose clock runs ahead from promising what has not come.
    """
    column = _TIME_COLUMN[table]
    where = bounds(scope, column)
    sql = f"SELECT max({column}) AS latest, count() AS landed\nFROM {table}\nWHERE {where.sql}"
    found = await clickhouse.query(Query(f"watermark_{table}", sql, where.parameters))
    (row,) = found.rows
    latest: datetime = row["latest"]
    return latest if row["landed"] else None
