"""Investigations in pages: what was asked, where it stands, what came out, in one row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.errors import NotFoundError
from schemas.events import InvestigationState, RequestKind, Verdict
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import (
    EVERYTHING,
    Condition,
    Scope,
    among,
    both,
    bounds,
    equal,
    maybe_equal,
)
from sinks.clickhouse.queries.investigations import ENDED
from sinks.clickhouse.queries.pages import (
    LIMITS,
    Page,
    PageRequest,
    Sort,
    SortType,
    ask_page,
    has_element,
    paging,
    without_position,
)
from sinks.clickhouse.query import Parameter, Query

__all__ = [
    "INVESTIGATION_SORTS",
    "InvestigationFilter",
    "InvestigationOverview",
    "get_investigation",
    "investigation_page",
]

INVESTIGATION_SORTS: Final[Mapping[str, Sort]] = {
    "requested_at": Sort("requested_at"),
    "last_at": Sort("last_at"),
    "priority": Sort("priority", SortType.INTEGER),
}


@dataclass(frozen=True, slots=True)
class InvestigationFilter:
    """Investigations that agree with everything that is given. `service` is one with alarms in the incident."""

    service: str = ""
    states: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    verdicts: tuple[str, ...] | None = None
    incident_id: str = ""


@dataclass(frozen=True, slots=True)
class InvestigationOverview:
    """One investigation. Before a worker has told of it, it is queued; `last_at` is then when it was asked for.

    `verdict`, `confidence`, `headline` and `cost_nano_usd` (integer 10^-9 USD, None: not known) are those of its last
    report; `revision` is that report's, 0 while there is none.
    """

    investigation_id: str
    incident_id: str
    title: str
    services: tuple[str, ...]
    kind: RequestKind
    policy: str
    reason: str
    priority: int
    requested_at: datetime
    not_before: datetime | None
    recurrence_of: str
    state: InvestigationState
    step: str
    message: str
    progress: float
    attempt: int
    last_at: datetime
    revision: int
    verdict: Verdict | None
    confidence: float | None
    headline: str
    cost_nano_usd: int | None


# The end is the end, whatever a worker that lost its lease says later: see queries/investigations. A row that is there
# twice changes nothing of what comes last, so FINAL is not needed.
_ROWS: Final = """WITH asked AS (
  SELECT investigation_id, incident_id, kind, policy, reason, priority, requested_at, not_before, recurrence_of,
    JSONExtractString(document, 'incident', 'title') AS title,
    JSONExtract(document, 'incident', 'services', 'Array(String)') AS services
  FROM investigation_requests
  WHERE {within} AND kind != 'cancel'
  ORDER BY investigation_id, requested_at DESC
  LIMIT 1 BY investigation_id
), told AS (
  SELECT investigation_id, argMax(state, place) AS state, argMax(step, place) AS step,
    argMax(message, place) AS message, argMax(progress, place) AS progress, argMax(attempt, place) AS attempt,
    max(occurred_at) AS last_at
  FROM (
    SELECT *, (state IN {{ended:Array(String)}}, attempt, _offset) AS place
    FROM investigation_status
    WHERE tenant = {{tenant:String}} AND {among}
  )
  GROUP BY investigation_id
), concluded AS (
  SELECT investigation_id, revision, verdict, confidence, headline, cost_nano_usd
  FROM reports
  WHERE tenant = {{tenant:String}} AND {among}
  ORDER BY investigation_id, revision DESC, occurred_at DESC
  LIMIT 1 BY investigation_id
)
SELECT *, {value} AS position_value, investigation_id AS position_id
FROM (
  SELECT asked.investigation_id AS investigation_id, asked.incident_id AS incident_id, asked.title AS title,
    asked.services AS services, asked.kind AS kind, asked.policy AS policy, asked.reason AS reason,
    asked.priority AS priority, asked.requested_at AS requested_at, asked.not_before AS not_before,
    asked.recurrence_of AS recurrence_of, if(told.state = '', 'queued', told.state) AS state, told.step AS step, told.message AS message,
    told.progress AS progress, told.attempt AS attempt,
    if(told.state = '', asked.requested_at, told.last_at) AS last_at, concluded.revision AS revision,
    concluded.verdict AS verdict, concluded.confidence AS confidence, concluded.headline AS headline,
    concluded.cost_nano_usd AS cost_nano_usd
  FROM asked
  LEFT JOIN told ON told.investigation_id = asked.investigation_id
  LEFT JOIN concluded ON concluded.investigation_id = asked.investigation_id
)
WHERE {where}
ORDER BY {order}
LIMIT {{limit:UInt64}}
{limits}"""

_ENDED: Final[dict[str, Parameter]] = {"ended": tuple(sorted(state.value for state in ENDED))}


_AMONG: Final = "investigation_id IN (SELECT investigation_id FROM investigation_requests WHERE {within})"

_OF_INCIDENT: Final = """SELECT DISTINCT investigation_id
FROM investigation_requests
WHERE {within} AND incident_id = {{incident_id:String}} AND kind != 'cancel'
{limits}"""


async def investigation_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: InvestigationFilter | None = None
) -> Page[InvestigationOverview]:
    """Return one page of the investigations requested in [start, end]. Raises as the other pages."""
    only = only or InvestigationFilter()
    within = bounds(scope, "requested_at")
    if only.incident_id:
        return await _of_incident(clickhouse, within, request, only)
    among_all = Condition(_AMONG.format(within=within.sql))
    return await _page(clickhouse, "investigation_page", (within, among_all), _filters(only), request)


async def _of_incident(
    clickhouse: ClickHouse, within: Condition, request: PageRequest, only: InvestigationFilter
) -> Page[InvestigationOverview]:
    """Most incidents have none: to ask for their names first costs a fifth of the whole question."""
    sql = _OF_INCIDENT.format(within=within.sql, limits=LIMITS)
    asked = Query("investigations_of_incident", sql, {**within.parameters, "incident_id": only.incident_id})
    found = await clickhouse.query(asked)
    if not found.rows:
        return Page((), found.info, None)
    named = among("investigation_id", [row["investigation_id"] for row in found.rows])
    return await _page(
        clickhouse, "investigation_page", (both(within, named), named), _filters(only), request
    )


async def get_investigation(
    clickhouse: ClickHouse, *, tenant: str, investigation_id: str
) -> InvestigationOverview:
    """Return one investigation of the tenant, whenever it was asked for. Raises NotFoundError."""
    named = equal("investigation_id", investigation_id)
    within = both(equal("tenant", tenant), named)
    page = await _page(
        clickhouse, "get_investigation", (within, named), EVERYTHING, PageRequest("requested_at")
    )
    if not page.rows:
        raise NotFoundError(f"{tenant} has no investigation {investigation_id}")
    return page.rows[0]


async def _page(
    clickhouse: ClickHouse,
    name: str,
    whose: tuple[Condition, Condition],
    where: Condition,
    request: PageRequest,
) -> Page[InvestigationOverview]:
    """`whose` chooses the requests, and, for what was told of them, their investigations."""
    within, among_these = whose
    paged = paging(request, INVESTIGATION_SORTS, "investigation_id")
    where = both(where, paged.after)
    sql = _ROWS.format(
        within=within.sql,
        among=among_these.sql,
        where=where.sql,
        value=paged.value,
        order=paged.order,
        limits=LIMITS,
    )
    parameters = {**within.parameters, **where.parameters, **_ENDED}
    return await ask_page(clickhouse, Query(name, sql, parameters), paged, _overview)


def _filters(only: InvestigationFilter) -> Condition:
    return both(
        has_element("services", only.service),
        among("state", only.states),
        among("kind", only.kinds),
        among("verdict", only.verdicts),
        maybe_equal("incident_id", only.incident_id),
    )


def _overview(row: Mapping[str, Any]) -> InvestigationOverview:
    shown = without_position(row)
    closed = {
        "services": tuple(row["services"]),
        "kind": RequestKind(row["kind"]),
        "state": InvestigationState(row["state"]),
        "verdict": Verdict(row["verdict"]) if row["verdict"] else None,
    }
    return InvestigationOverview(**{**shown, **closed})
