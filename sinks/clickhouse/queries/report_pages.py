"""Reports in pages, each in its last revision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.events import Verdict
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
from sinks.clickhouse.queries.pages import (
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

__all__ = ["REPORT_SORTS", "ReportFilter", "ReportOverview", "report_page"]

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


@dataclass(frozen=True, slots=True)
class ReportOverview:
    """The last revision of a report in a line; `cost_nano_usd` is integer 10^-9 USD, None where it is not known."""

    investigation_id: str
    incident_id: str
    revision: int
    verdict: Verdict
    confidence: float | None
    headline: str
    cause_services: tuple[str, ...]
    services: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    mode: str
    recurrence_of: str
    cost_nano_usd: int | None
    evidence_count: int


_COLUMNS: Final = """investigation_id, incident_id, revision, verdict, confidence, headline, cause_services, services,
  started_at, finished_at, mode, recurrence_of, cost_nano_usd, evidence_count"""


async def report_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: ReportFilter | None = None
) -> Page[ReportOverview]:
    """Return one page of the reports whose last revision was finished in [start, end]. Raises as the other pages."""
    paged = paging(request, REPORT_SORTS, "investigation_id")
    where = both(bounds(scope, "finished_at"), *_filters(only or ReportFilter()), paged.after)
    sql = last_revisions("reports", "investigation_id", _COLUMNS, where, paged)
    return await ask_page(clickhouse, Query("report_page", sql, where.parameters), paged, _overview)


def _filters(only: ReportFilter) -> list[Condition]:
    concerns = "(has(services, {service:String}) OR has(cause_services, {service:String}))"
    sure = Condition("confidence >= {min_confidence:Float64}", {"min_confidence": only.min_confidence or 0.0})
    return [
        Condition(concerns, {"service": only.service}) if only.service else EVERYTHING,
        has_element("cause_services", only.cause),
        among("verdict", only.verdicts),
        maybe_equal("incident_id", only.incident_id),
        EVERYTHING if only.min_confidence is None else sure,
    ]


def _overview(row: Mapping[str, Any]) -> ReportOverview:
    shown = without_position(row)
    closed = {
        "services": tuple(row["services"]),
        "cause_services": tuple(row["cause_services"]),
        "verdict": Verdict(row["verdict"]),
    }
    return ReportOverview(**{**shown, **closed})
