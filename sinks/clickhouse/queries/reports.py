"""Reports, and the past as investigations may learn from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from schemas.errors import NotFoundError
from schemas.events import Report
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import EVERYTHING, Condition, Scope, both, bounds, maybe_equal
from sinks.clickhouse.query import Answer, Parameter, Query

__all__ = ["PastReport", "get_report", "incident_history", "list_reports"]


@dataclass(frozen=True, slots=True)
class PastReport:
    """A report and the signature of its incident: the alarms' names (distinct, sorted) and services."""

    report: Report
    alarm_names: tuple[str, ...]
    services: tuple[str, ...]


_NEWEST = """  SELECT investigation_id, incident_id, finished_at, verdict, services, document
  FROM reports FINAL
  WHERE tenant = {{tenant:String}} AND investigation_id IN (SELECT investigation_id FROM reports WHERE {where})
  ORDER BY investigation_id, revision DESC, occurred_at DESC
  LIMIT 1 BY investigation_id"""

_LIST = """SELECT document
FROM (
{newest}
)
WHERE {filter}
ORDER BY finished_at DESC, investigation_id
LIMIT {{limit:UInt64}}"""

_GET = """SELECT document
FROM reports
WHERE tenant = {tenant:String} AND investigation_id = {investigation_id:String}
  AND ({revision:Int64} = 0 OR revision = {revision:Int64})
ORDER BY revision DESC, occurred_at DESC
LIMIT 1
SETTINGS max_threads = 1"""

_HISTORY = """SELECT past.document AS document, past.services AS services, signatures.alarm_names AS alarm_names
FROM (
{newest}
) AS past
LEFT JOIN (
  SELECT incident_id, arraySort(groupUniqArrayArray(alarm_names)) AS alarm_names
  FROM incidents
  WHERE tenant = {{tenant:String}}
  GROUP BY incident_id
) AS signatures ON signatures.incident_id = past.incident_id
WHERE {filter}
ORDER BY past.finished_at DESC, past.investigation_id
LIMIT {{limit:UInt64}}"""


async def list_reports(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    verdict: str = "",
    incident_id: str = "",
    limit: int = 1_000,
) -> Answer[Report]:
    """Return reports finished in [start, end], newest first, each in its last revision."""
    where = bounds(scope, "finished_at")
    chosen = both(maybe_equal("verdict", verdict), maybe_equal("incident_id", incident_id))
    sql = _LIST.format(newest=_NEWEST.format(where=where.sql), filter=chosen.sql)
    query = Query("list_reports", sql, {**where.parameters, **chosen.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(Report.model_validate_json(row["document"]) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)


async def get_report(
    clickhouse: ClickHouse, *, tenant: str, investigation_id: str, revision: int = 0
) -> Report:
    """Return one revision of a report, the last for 0. Raises NotFoundError."""
    parameters: dict[str, Parameter] = {
        "tenant": tenant,
        "investigation_id": investigation_id,
        "revision": revision,
    }
    found = await clickhouse.query(Query("get_report", _GET, parameters))
    if not found.rows:
        raise NotFoundError(
            f"{tenant} has no report of {investigation_id}",
            cure="`tocsin incidents` shows what is finished; an API key speaks for one tenant only.",
        )
    return Report.model_validate_json(found.rows[0]["document"])


async def incident_history(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    alarm_names: Collection[str] | None = None,
    limit: int = 200,
) -> Answer[PastReport]:
    """Return past reports finished in [start, end], newest first, with their incidents' signatures.

    Where `services` or `alarm_names` are given, only incidents that had at least one of each.
    """
    where = bounds(scope, "finished_at")
    chosen = both(_any_of("services", services), _any_of("alarm_names", alarm_names))
    sql = _HISTORY.format(newest=_NEWEST.format(where=where.sql), filter=chosen.sql)
    query = Query("incident_history", sql, {**where.parameters, **chosen.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(
        PastReport(
            report=Report.model_validate_json(row["document"]),
            alarm_names=tuple(row["alarm_names"]),
            services=tuple(row["services"]),
        )
        for row in found.rows
    )
    return Answer(rows, found.info, len(rows) >= limit)


def _any_of(column: str, values: Collection[str] | None) -> Condition:
    if values is None:
        return EVERYTHING
    name = f"any_{column}"
    return Condition(f"hasAny({column}, {{{name}:Array(String)}})", {name: tuple(values)})
