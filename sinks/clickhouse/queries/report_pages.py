"""Reports in pages, each in its last revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.events import Report
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import (
    EVERYTHING,
    Condition,
    Scope,
    among,
    both,
    bounds,
    maybe_equal,
)
from sinks.clickhouse.queries.pages import LIMITS, Page, PageRequest, Sort, SortType, ask_page, paging
from sinks.clickhouse.query import Query

__all__ = ["REPORT_SORTS", "ReportFilter", "report_page"]

# What is not known sorts below what is.
REPORT_SORTS: Final[Mapping[str, Sort]] = {
    "finished_at": Sort("finished_at"),
    "confidence": Sort("ifNull(confidence, -1)", SortType.NUMBER),
    "cost": Sort("ifNull(cost_nano_usd, -1)", SortType.INTEGER),
}


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Reports that agree with everything that is given. `service` had alarms, or is named as a cause."""

    service: str = ""
    cause: str = ""
    verdicts: tuple[str, ...] | None = None
    incident_id: str = ""
    min_confidence: float | None = None


_PAGE: Final = """SELECT document, {value} AS position_value, investigation_id AS position_id
FROM (
  SELECT tenant, investigation_id, incident_id, finished_at, verdict, confidence, services, cause_services,
    cost_nano_usd, document
  FROM reports FINAL
  WHERE tenant = {{tenant:String}} AND investigation_id IN (SELECT investigation_id FROM reports WHERE {within})
  ORDER BY investigation_id, revision DESC, occurred_at DESC
  LIMIT 1 BY investigation_id
)
WHERE {where}
ORDER BY {order}
LIMIT {{limit:UInt64}}
{limits}"""


async def report_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: ReportFilter | None = None
) -> Page[Report]:
    """Return one page of the reports whose last revision was finished in [start, end]. Raises as the other pages."""
    paged = paging(request, REPORT_SORTS, "investigation_id")
    within = bounds(scope, "finished_at")
    where = both(within, *_filters(only or ReportFilter()), paged.after)
    sql = _PAGE.format(
        value=paged.value, within=within.sql, where=where.sql, order=paged.order, limits=LIMITS
    )
    return await ask_page(clickhouse, Query("report_page", sql, where.parameters), paged, _report)


def _filters(only: ReportFilter) -> list[Condition]:
    concerns = "(has(services, {service:String}) OR has(cause_services, {service:String}))"
    sure = Condition("confidence >= {min_confidence:Float64}", {"min_confidence": only.min_confidence or 0.0})
    return [
        Condition(concerns, {"service": only.service}) if only.service else EVERYTHING,
        Condition("has(cause_services, {cause:String})", {"cause": only.cause}) if only.cause else EVERYTHING,
        among("verdict", only.verdicts),
        maybe_equal("incident_id", only.incident_id),
        EVERYTHING if only.min_confidence is None else sure,
    ]


def _report(row: Mapping[str, Any]) -> Report:
    return Report.model_validate_json(row["document"])
