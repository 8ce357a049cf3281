"""How long after its stamp telemetry landed, by service: what lands before it was taken was stamped by a clock that is ahead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, among, both, bounds
from sinks.clickhouse.query import Answer, Limit, Query

__all__ = ["DelayRow", "delays_query", "landing_delays"]

# Nobody waits long for this: without it clocks are believed.
_SENDERS: Final = Limit(10_000, 5.0)


@dataclass(frozen=True, slots=True)
class DelayRow:
    """How soon what one service stamped in a window landed, seconds; negative where that was before it was stamped.

    The least of each series of KPIs, or of each message of lines; of those the median, the upper of two. So one sender
    whose clock is ahead among several is not taken for all, nor one metric that is stamped with times to come.
    """

    table: Literal["kpis", "logs"]
    service: str
    least_s: float
    step_s: float
    """Between two samples of a series, their median; 0 of lines."""


_DELAYS = """SELECT table, service, least_s, step_s
FROM (
  SELECT 'kpis' AS table, service,
    quantileExact(0.5)(least_ms) / 1000 AS least_s,
    quantileExact(0.5)(length_ms / greatest(samples - 1, 1)) / 1000 AS step_s
  FROM (
    SELECT service,
      min(toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(time)) AS least_ms,
      toUnixTimestamp64Milli(max(time)) - toUnixTimestamp64Milli(min(time)) AS length_ms,
      count() AS samples
    FROM kpis
    WHERE {kpis}
    GROUP BY service, metric, labels_json
  )
  GROUP BY service
  UNION ALL
  SELECT 'logs' AS table, service, quantileExact(0.5)(least_ms) / 1000 AS least_s, 0. AS step_s
  FROM (
    SELECT service, min(toUnixTimestamp64Milli(landed_at) - toUnixTimestamp64Milli(at)) AS least_ms
    FROM logs
    WHERE {logs}
    GROUP BY service, _partition, _offset
  )
  GROUP BY service
)
ORDER BY table, service
LIMIT {{limit:UInt64}}"""


def delays_query(scope: Scope, services: Collection[str] | None, limit: Limit = _SENDERS) -> Query:
    """Return the query for the delays of these services; None is all of them."""
    kpis = both(bounds(scope, "time"), among("service", services))
    logs = both(bounds(scope, "at"), among("service", services))
    parameters = {**kpis.parameters, **logs.parameters, "limit": limit.rows}
    return Query("landing_delays", _DELAYS.format(kpis=kpis.sql, logs=logs.sql), parameters, limit.seconds)


async def landing_delays(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    limit: Limit = _SENDERS,
) -> Answer[DelayRow]:
    """Return a row for each table and service, in that order."""
    found = await clickhouse.query(delays_query(scope, services, limit))
    rows = tuple(DelayRow(**row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit.rows)
