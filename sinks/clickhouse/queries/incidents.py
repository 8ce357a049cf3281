"""Incidents as they are now, each with how it came there."""

from __future__ import annotations

from schemas.errors import NotFoundError
from schemas.events import Incident
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import EVERYTHING, Condition, Scope, both, bounds
from sinks.clickhouse.query import Answer, Parameter, Query

__all__ = ["get_incident", "incident_transitions", "list_incidents"]

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
