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
    SEVERITY_RANK,
    Page,
    PageRequest,
    Sort,
    SortType,
    ask_page,
    has_element,
    last_revisions,
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

_COLUMNS: Final = """incident_id, title, severity, transition, opened_at, updated_at, services, alarm_count, active_count,
  merged_into, revision"""


async def incident_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: IncidentFilter | None = None
) -> Page[IncidentOverview]:
    """Return one page of the incidents opened in [start, end]. Raises InvalidRequestError, and what ClickHouse.query does."""
    paged = paging(request, INCIDENT_SORTS, "incident_id")
    where = both(bounds(scope, "opened_at"), *_filters(only or IncidentFilter()), paged.after)
    sql = last_revisions("incidents", "incident_id", _COLUMNS, where, paged)
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
