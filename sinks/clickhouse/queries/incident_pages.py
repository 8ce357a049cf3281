"""Incidents in pages, each as its last transition left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.events import IncidentTransition, Severity
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
    without_position,
)
from sinks.clickhouse.query import Query

__all__ = ["INCIDENT_SORTS", "IncidentFilter", "IncidentOverview", "incident_page"]

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


@dataclass(frozen=True, slots=True)
class IncidentOverview:
    """An incident as its last transition left it, without its alarms; times and counts as in schemas.events.Incident."""

    incident_id: str
    title: str
    severity: Severity
    transition: IncidentTransition
    opened_at: datetime
    updated_at: datetime
    services: tuple[str, ...]
    alarm_count: int
    active_count: int
    merged_into: str
    revision: int

    @property
    def open(self) -> bool:
        """Whether it is neither closed nor merged into another."""
        return self.transition not in _OVER


_OVER: Final = frozenset({IncidentTransition.MERGED, IncidentTransition.CLOSED})

# An incident's opening may move back when an older alarm joins: its last transition tells. A row that is there twice
# changes nothing of what comes last, so FINAL is not needed; the whole events are ten times the rest, and not read.
_PAGE: Final = """SELECT incident_id, title, severity, transition, opened_at, updated_at, services, alarm_count, active_count,
  merged_into, revision, {value} AS position_value, incident_id AS position_id
FROM (
  SELECT *
  FROM incidents
  WHERE tenant = {{tenant:String}}
  ORDER BY incident_id, revision DESC, occurred_at DESC
  LIMIT 1 BY incident_id
)
WHERE {where}
ORDER BY {order}
LIMIT {{limit:UInt64}}
{limits}"""


async def incident_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: IncidentFilter | None = None
) -> Page[IncidentOverview]:
    """Return one page of the incidents opened in [start, end]. Raises InvalidRequestError, and what ClickHouse.query does."""
    paged = paging(request, INCIDENT_SORTS, "incident_id")
    where = both(bounds(scope, "opened_at"), *_filters(only or IncidentFilter()), paged.after)
    sql = _PAGE.format(value=paged.value, where=where.sql, order=paged.order, limits=LIMITS)
    return await ask_page(clickhouse, Query("incident_page", sql, where.parameters), paged, _overview)


def _filters(only: IncidentFilter) -> list[Condition]:
    return [
        has_element("services", only.service),
        has_element("alarm_names", only.alarm_name),
        among("severity", only.severities),
        among("transition", only.transitions),
    ]


def _overview(row: Mapping[str, Any]) -> IncidentOverview:
    shown = without_position(row)
    closed = {
        "services": tuple(row["services"]),
        "severity": Severity(row["severity"]),
        "transition": IncidentTransition(row["transition"]),
    }
    return IncidentOverview(**{**shown, **closed})
