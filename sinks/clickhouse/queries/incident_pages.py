"""Incidents in pages, each as its last transition left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.events import Incident
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Condition, Scope, among, both, bounds
from sinks.clickhouse.queries.pages import (
    LIMITS,
    SEVERITY_RANK,
    Page,
    PageRequest,
    Sort,
    SortType,
    ask_page,
    has_element,
    paging,
)
from sinks.clickhouse.query import Query

__all__ = ["INCIDENT_SORTS", "IncidentFilter", "incident_page"]

INCIDENT_SORTS: Final[Mapping[str, Sort]] = {
    "opened_at": Sort("opened_at"),
    "updated_at": Sort("updated_at"),
    "severity": Sort(SEVERITY_RANK, SortType.INTEGER),
    "alarm_count": Sort("alarm_count", SortType.INTEGER),
}


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Incidents that agree with everything that is given. `transitions` are those that came last."""

    service: str = ""
    severities: tuple[str, ...] | None = None
    transitions: tuple[str, ...] | None = None
    alarm_name: str = ""


# An incident's opening may move back when an older alarm joins: its last transition tells.
_PAGE: Final = """SELECT document, {value} AS position_value, incident_id AS position_id
FROM (
  SELECT tenant, incident_id, document, transition, severity, services, alarm_names, alarm_count, opened_at, updated_at
  FROM incidents FINAL
  WHERE tenant = {{tenant:String}} AND incident_id IN (SELECT incident_id FROM incidents WHERE {within})
  ORDER BY incident_id, revision DESC, occurred_at DESC
  LIMIT 1 BY incident_id
)
WHERE {where}
ORDER BY {order}
LIMIT {{limit:UInt64}}
{limits}"""


async def incident_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: IncidentFilter | None = None
) -> Page[Incident]:
    """Return one page of the incidents opened in [start, end]. Raises InvalidRequestError, and what ClickHouse.query does."""
    paged = paging(request, INCIDENT_SORTS, "incident_id")
    within = bounds(scope, "opened_at")
    where = both(within, *_filters(only or IncidentFilter()), paged.after)
    sql = _PAGE.format(
        value=paged.value, within=within.sql, where=where.sql, order=paged.order, limits=LIMITS
    )
    return await ask_page(clickhouse, Query("incident_page", sql, where.parameters), paged, _incident)


def _filters(only: IncidentFilter) -> list[Condition]:
    return [
        has_element("services", only.service),
        has_element("alarm_names", only.alarm_name),
        among("severity", only.severities),
        among("transition", only.transitions),
    ]


def _incident(row: Mapping[str, Any]) -> Incident:
    return Incident.model_validate_json(row["document"])
