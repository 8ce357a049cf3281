"""Queries that show again the alarms, changes, calls or past reports that a finding is about.

They only make text for a person to run; nothing here is sent. Each returns what its finding rests on, once.
"""

from __future__ import annotations

from typing import Final

from sinks.clickhouse.queries.conditions import EVERYTHING, Scope, among, both, bounds, equal
from sinks.clickhouse.query import Query

__all__ = ["calls_query", "change_query", "raised_query", "report_query", "storm_query"]

_RAISED: Final = """SELECT occurred_at, service, name, severity, indicator, entity, host, summary
FROM alarms
WHERE {where}
  AND status = 'firing'
ORDER BY occurred_at, service, name
LIMIT 1 BY event_id"""

_STORM: Final = """SELECT count() AS alarms, uniqExact(service) AS services, min(occurred_at) AS first,
  dateDiff('microsecond', min(occurred_at), max(occurred_at)) / 1e6 AS seconds
FROM (
  SELECT service, occurred_at
  FROM alarms
  WHERE {where}
    AND status = 'firing'
  LIMIT 1 BY event_id
)"""

_CHANGE: Final = """SELECT occurred_at, service, kind, title, version, author, url
FROM changes
WHERE {where}
ORDER BY landed_at
LIMIT 1"""

_CALLS: Final = """SELECT time, JSONExtractString(labels_json, 'client') AS caller, JSONExtractString(labels_json, 'server') AS callee,
  metric, labels_json, value
FROM kpis
WHERE {where}
  AND {{edge_of:String}} IN (JSONExtractString(labels_json, 'client'), JSONExtractString(labels_json, 'server'))
ORDER BY metric, labels_json, time, landed_at DESC, _offset DESC, _index DESC
LIMIT 1 BY metric, labels_json, time"""

_REPORT: Final = """SELECT finished_at, verdict, services, document
FROM reports
WHERE {where}
ORDER BY revision DESC, occurred_at DESC
LIMIT 1"""


def raised_query(scope: Scope, service: str = "", name: str = "") -> Query:
    """Return the query for the alarms raised in the scope, of one service and of one name where these are given."""
    named = equal("name", name) if name else EVERYTHING
    where = both(bounds(scope, "occurred_at"), equal("service", service) if service else EVERYTHING, named)
    return Query("raised", _RAISED.format(where=where.sql), where.parameters)


def storm_query(scope: Scope) -> Query:
    """Return the query for how many alarms of how many services were raised in the scope, and within how many seconds."""
    where = bounds(scope, "occurred_at")
    return Query("storm", _STORM.format(where=where.sql.replace("\n", "\n  ")), where.parameters)


def change_query(tenant: str, event_id: str) -> Query:
    """Return the query for one change."""
    where = both(equal("tenant", tenant), equal("event_id", event_id))
    return Query("change", _CHANGE.format(where=where.sql), where.parameters)


def calls_query(scope: Scope, service: str, metrics: tuple[str, ...]) -> Query:
    """Return the query for what these metrics of a service graph tell of calls to and from a service."""
    where = both(bounds(scope, "time"), among("metric", metrics))
    return Query("calls", _CALLS.format(where=where.sql), {**where.parameters, "edge_of": service})


def report_query(tenant: str, investigation_id: str) -> Query:
    """Return the query for the last revision of a report."""
    where = both(equal("tenant", tenant), equal("investigation_id", investigation_id))
    return Query("report", _REPORT.format(where=where.sql), where.parameters)
