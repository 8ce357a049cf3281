"""Incidents as they are now, each with how it came there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from schemas.errors import NotFoundError
from schemas.events import Incident, Verdict
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import EVERYTHING, Condition, Scope, both, bounds
from sinks.clickhouse.query import Answer, Parameter, Query

__all__ = ["IncidentSpan", "get_incident", "incident_spans", "incident_transitions", "list_incidents"]

_OPEN = Condition("transition NOT IN ('merged', 'closed')")

_LIST = """SELECT document
FROM (
  SELECT incident_id, document, transition, services, opened_at
  FROM incidents FINAL
  WHERE tenant = {{tenant:String}} AND incident_id IN (SELECT incident_id FROM incidents WHERE {where})
  ORDER BY incident_id, revision DESC, occurred_at DESC
  LIMIT 1 BY incident_id
)
WHERE {state}
ORDER BY opened_at DESC, incident_id
LIMIT {{limit:UInt64}}"""

_TRANSITIONS = """SELECT document
FROM incidents FINAL
WHERE tenant = {tenant:String} AND incident_id = {incident_id:String}
ORDER BY revision DESC, occurred_at DESC
LIMIT {limit:UInt64}"""


async def list_incidents(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    service: str = "",
    open_only: bool = False,
    limit: int = 1_000,
) -> Answer[Incident]:
    """Return incidents opened in [start, end], newest first, each as its last transition left it."""
    where = bounds(scope, "opened_at")
    concerns = Condition("has(services, {service:String})", {"service": service}) if service else EVERYTHING
    state = both(_OPEN if open_only else EVERYTHING, concerns)
    parameters = {**where.parameters, **state.parameters, "limit": limit}
    query = Query("list_incidents", _LIST.format(where=where.sql, state=state.sql), parameters)
    return await _incidents(clickhouse, query, limit)


@dataclass(frozen=True, slots=True)
class IncidentSpan:
    """When an incident was: from its opening until its alarms were over, None while they are not."""

    incident_id: str
    opened_at: datetime
    over_at: datetime | None


_SPANS = """SELECT incident_id, since, over, if(ended > toDateTime64(0, 6), ended, last_told) AS until
FROM (
  SELECT incident_id, argMax(opened_at, (revision, occurred_at)) AS since,
    argMax(transition, (revision, occurred_at)) IN ('cleared', 'merged', 'closed') AS over,
    argMax(services, (revision, occurred_at)) AS touched,
    maxIf(occurred_at, transition = 'cleared') AS ended, max(occurred_at) AS last_told
  FROM incidents
  WHERE tenant = {tenant:String} AND incident_id IN (
    SELECT incident_id FROM (
      SELECT incident_id, verdict FROM reports
      WHERE tenant = {tenant:String} AND finished_at >= {start:DateTime64(6, 'UTC')}
      ORDER BY investigation_id, revision DESC, occurred_at DESC
      LIMIT 1 BY investigation_id
    )
    WHERE verdict IN {verdicts:Array(String)}
  )
  GROUP BY incident_id
)
WHERE hasAny(touched, {services:Array(String)})
  AND since < {end:DateTime64(6, 'UTC')} AND (NOT over OR until > {start:DateTime64(6, 'UTC')})
ORDER BY since, incident_id"""


async def incident_spans(
    clickhouse: ClickHouse, scope: Scope, *, services: Collection[str], verdicts: Collection[Verdict]
) -> Answer[IncidentSpan]:
    """Return when incidents of any of the services were, in order of opening: those that lie in [start, end] in part.

    Only incidents with a report of one of these verdicts, finished after the start.
    """
    parameters: dict[str, Parameter] = {
        "tenant": scope.tenant,
        "start": scope.start,
        "end": scope.end,
        "services": tuple(services),
        "verdicts": tuple(verdict.value for verdict in verdicts),
    }
    found = await clickhouse.query(Query("incident_spans", _SPANS, parameters))
    rows = tuple(
        IncidentSpan(row["incident_id"], row["since"], row["until"] if row["over"] else None)
        for row in found.rows
    )
    return Answer(rows, found.info)


_LAST = """SELECT document
FROM incidents
WHERE tenant = {tenant:String} AND incident_id = {incident_id:String}
ORDER BY revision DESC, occurred_at DESC
LIMIT 1
SETTINGS max_threads = 1"""


async def get_incident(clickhouse: ClickHouse, *, tenant: str, incident_id: str) -> Incident:
    """Return the incident as its last transition left it. Raises NotFoundError."""
    parameters: dict[str, Parameter] = {"tenant": tenant, "incident_id": incident_id}
    answer = await _incidents(clickhouse, Query("get_incident", _LAST, parameters), 1)
    if not answer.rows:
        raise NotFoundError(f"{tenant} has no incident {incident_id}", cure="`tocsin incidents` lists them.")
    return answer.rows[0]


async def incident_transitions(
    clickhouse: ClickHouse, *, tenant: str, incident_id: str, limit: int = 1_000
) -> Answer[Incident]:
    """Return every transition of one incident, newest first."""
    parameters: dict[str, Parameter] = {"tenant": tenant, "incident_id": incident_id, "limit": limit}
    return await _incidents(clickhouse, Query("incident_transitions", _TRANSITIONS, parameters), limit)


async def _incidents(clickhouse: ClickHouse, query: Query, limit: int) -> Answer[Incident]:
    found = await clickhouse.query(query)
    rows = tuple(Incident.model_validate_json(row["document"]) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)
