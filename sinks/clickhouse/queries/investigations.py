"""How far investigations are, and what they found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.events import Evidence, InvestigationState, InvestigationStatus
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, bounds, maybe_equal
from sinks.clickhouse.query import Answer, Parameter, Query

__all__ = [
    "ENDED",
    "InvestigationRow",
    "evidence_of",
    "investigation_statuses",
    "list_investigations",
]

ENDED: Final = frozenset(
    {
        InvestigationState.COMPLETED,
        InvestigationState.FAILED,
        InvestigationState.CANCELLED,
        InvestigationState.REFUSED,
    }
)
"""After these an investigation says nothing more."""


@dataclass(frozen=True, slots=True)
class InvestigationRow:
    """Where one investigation stands."""

    investigation_id: str
    incident_id: str
    state: InvestigationState
    step: str
    message: str
    progress: float
    attempt: int
    first_at: datetime
    last_at: datetime


# The end is the end, whatever a worker that lost its lease says later; before it, the latest attempt counts.
# Within an attempt offsets tell the order, which clocks may tell wrongly.
_LIST = """SELECT investigation_id, argMax(incident_id, place) AS incident_id, argMax(state, place) AS state,
  argMax(step, place) AS step, argMax(message, place) AS message, argMax(progress, place) AS progress,
  argMax(attempt, place) AS attempt, min(occurred_at) AS first_at, max(occurred_at) AS last_at
FROM (
  SELECT *, (state IN {{ended:Array(String)}}, attempt, _offset) AS place
  FROM investigation_status FINAL
  WHERE {where}
)
GROUP BY investigation_id
ORDER BY last_at DESC, investigation_id
LIMIT {{limit:UInt64}}"""

_STATUSES = """SELECT event_id, tenant, occurred_at, investigation_id, incident_id, state, step, message, progress,
  attempt, worker
FROM investigation_status FINAL
WHERE tenant = {tenant:String} AND investigation_id = {investigation_id:String}
ORDER BY _offset
LIMIT {limit:UInt64}"""

_EVIDENCE = """SELECT event_id, tenant, occurred_at, investigation_id, incident_id, step, finding, kind, service,
  indicator, statement, score, direction, onset, window_start, window_end, data_fresh_until, query, data
FROM evidence FINAL
WHERE tenant = {{tenant:String}} AND investigation_id = {{investigation_id:String}} AND {step}
ORDER BY occurred_at, event_id
LIMIT {{limit:UInt64}}"""


async def list_investigations(
    clickhouse: ClickHouse, scope: Scope, *, limit: int = 1_000
) -> Answer[InvestigationRow]:
    """Return investigations that said something in [start, end], the last heard of first."""
    where = bounds(scope, "occurred_at")
    ended = tuple(sorted(state.value for state in ENDED))
    parameters: dict[str, Parameter] = {**where.parameters, "limit": limit, "ended": ended}
    query = Query("list_investigations", _LIST.format(where=where.sql), parameters)
    found = await clickhouse.query(query)
    rows = tuple(InvestigationRow(**{**row, "state": InvestigationState(row["state"])}) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)


async def investigation_statuses(
    clickhouse: ClickHouse, *, tenant: str, investigation_id: str, limit: int = 10_000
) -> Answer[InvestigationStatus]:
    """Return what one investigation said of itself, in order."""
    parameters: dict[str, Parameter] = {
        "tenant": tenant,
        "investigation_id": investigation_id,
        "limit": limit,
    }
    found = await clickhouse.query(Query("investigation_statuses", _STATUSES, parameters))
    rows = tuple(InvestigationStatus.model_validate(row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)


async def evidence_of(
    clickhouse: ClickHouse, *, tenant: str, investigation_id: str, step: str = "", limit: int = 10_000
) -> Answer[Evidence]:
    """Return the findings of one investigation, or of one step of it, in order of time."""
    condition = maybe_equal("step", step)
    parameters: dict[str, Parameter] = {
        "tenant": tenant,
        "investigation_id": investigation_id,
        "limit": limit,
    }
    query = Query("evidence_of", _EVIDENCE.format(step=condition.sql), {**parameters, **condition.parameters})
    found = await clickhouse.query(query)
    rows = tuple(Evidence.model_validate(row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)
