"""What services measured, said and underwent in a window of time: the agents' view of the tables.

Every window is [start, end] in event time, of one tenant, bounded by a row limit; `services` None is all of them.
What was sent or landed twice is in the answer once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.events import ChangeKind, LogSeverity
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, among, both, bounds
from sinks.clickhouse.query import Answer, Query

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
    limit: int = 2_000_000,
) -> Answer[KpiSeries]:
    """Return the series in order of service, metric, labels. `limit` is in samples; of a repeat the last landed holds."""
    where = both(
        bounds(scope, "time"),
        among("service", services),
        among("metric", metrics),
    )
    query = Query("kpi_window", _KPIS.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    series = tuple(_series(row) for row in found.rows)
    return Answer(series, found.info, sum(len(one.times_ms) for one in series) >= limit)


def _series(row: Mapping[str, Any]) -> KpiSeries:
    return KpiSeries(
        service=row["service"],
        metric=row["metric"],
        labels=json.loads(row["labels_json"]),
        unit=row["unit"],
        times_ms=np.asarray(row["times_ms"], dtype=np.int64),
        values=np.asarray(row["values"], dtype=np.float64),
    )


_LOGS = """SELECT at, service, severity, message, entity, trace_id, attributes
FROM logs
WHERE {where}
ORDER BY at, service, event_id, _index
LIMIT 1 BY at, service, event_id, _index
LIMIT {{limit:UInt64}}"""


async def log_window(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    limit: int = 100_000,
) -> Answer[LogRow]:
    """Return lines in order of time; a batch landed from two messages is there once."""
    where = both(bounds(scope, "at"), among("service", services))
    query = Query("log_window", _LOGS.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(LogRow(**{**row, "severity": LogSeverity(row["severity"])}) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)


_CHANGES = """SELECT event_id, occurred_at, source, service, kind, title, version, author, url, labels
FROM changes
WHERE {where}
ORDER BY occurred_at, event_id, landed_at
LIMIT 1 BY occurred_at, event_id
LIMIT {{limit:UInt64}}"""


async def change_window(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    limit: int = 10_000,
) -> Answer[ChangeRow]:
    """Return changes in order of time."""
    where = both(bounds(scope, "occurred_at"), among("service", services))
    query = Query("change_window", _CHANGES.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(ChangeRow(**{**row, "kind": ChangeKind(row["kind"])}) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)


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
