"""Alarms in pages, with the decisions taken on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import NotFoundError
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.alarms import ALARMS_ONCE, WITH_DECISIONS, AlarmRow, alarm_row
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
from sinks.clickhouse.queries.pages import (
    LIMITS,
    SEVERITY_RANK,
    Page,
    PageRequest,
    Sort,
    SortType,
    ask_page,
    paging,
    without_position,
)
from sinks.clickhouse.query import Query

__all__ = ["ALARM_SORTS", "AlarmFilter", "alarm_page", "get_alarm"]

ALARM_SORTS: Final[Mapping[str, Sort]] = {
    "occurred_at": Sort("occurred_at"),
    "started_at": Sort("started_at"),
    "severity": Sort(SEVERITY_RANK, SortType.INTEGER),
    "messages": Sort("toInt64(messages)", SortType.INTEGER),
}


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """Alarm events that agree with everything that is given. `decisions`: at least one of them was taken."""

    service: str = ""
    name: str = ""
    source: str = ""
    fingerprint: str = ""
    severities: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    decisions: tuple[str, ...] | None = None


_PAGE: Final = """SELECT *, {value} AS position_value, event_id AS position_id
  FROM (
  {once}
  )
  WHERE {where}
  ORDER BY {order}
  LIMIT {{limit:UInt64}}"""

_DECIDED: Final = """event_id IN (
    SELECT alarm_event_id FROM alarm_decisions
    WHERE tenant = {tenant:String} AND decision IN {decision_among:Array(String)}
  )"""


async def alarm_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: AlarmFilter | None = None
) -> Page[AlarmRow]:
    """Return one page of the alarm events that happened in [start, end]. Raises as the other pages."""
    where = both(*_filters(only or AlarmFilter()))
    return await _page(clickhouse, "alarm_page", bounds(scope, "occurred_at"), where, request)


async def get_alarm(clickhouse: ClickHouse, *, tenant: str, event_id: str) -> AlarmRow:
    """Return one alarm event of the tenant. Raises NotFoundError."""
    within = both(equal("tenant", tenant), equal("event_id", event_id))
    page = await _page(clickhouse, "get_alarm", within, EVERYTHING, PageRequest("occurred_at"))
    if not page.rows:
        raise NotFoundError(f"{tenant} has no alarm {event_id}")
    return page.rows[0]


async def _page(
    clickhouse: ClickHouse, name: str, within: Condition, where: Condition, request: PageRequest
) -> Page[AlarmRow]:
    paged = paging(request, ALARM_SORTS, "event_id")
    where = both(where, paged.after)
    once = ALARMS_ONCE.format(where=within.sql)
    rows = _PAGE.format(once=once, where=where.sql, value=paged.value, order=paged.order)
    sql = f"{WITH_DECISIONS.format(alarms=rows, order=paged.order)}\n{LIMITS}"
    return await ask_page(
        clickhouse, Query(name, sql, {**within.parameters, **where.parameters}), paged, _alarm
    )


def _filters(only: AlarmFilter) -> list[Condition]:
    decided = Condition(_DECIDED, {"decision_among": only.decisions or ()})
    return [
        *(maybe_equal(name, getattr(only, name)) for name in ("service", "name", "source", "fingerprint")),
        among("severity", only.severities),
        among("status", only.statuses),
        EVERYTHING if only.decisions is None else decided,
    ]


def _alarm(row: Mapping[str, Any]) -> AlarmRow:
    return alarm_row(without_position(row))
