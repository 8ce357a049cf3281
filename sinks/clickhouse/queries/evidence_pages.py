"""Findings in pages, of one investigation or of many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import NotFoundError
from schemas.events import Evidence
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Condition, Scope, among, both, bounds, maybe_equal
from sinks.clickhouse.queries.pages import LIMITS, Page, PageRequest, Sort, SortType, ask_page, paging
from sinks.clickhouse.query import Parameter, Query

__all__ = ["EVIDENCE_SORTS", "EvidenceFilter", "evidence_page", "get_evidence"]

# What has no score sorts below what has one.
EVIDENCE_SORTS: Final[Mapping[str, Sort]] = {
    "occurred_at": Sort("occurred_at"),
    "score": Sort("if(isFinite(ifNull(score, -1)), ifNull(score, -1), -1)", SortType.NUMBER),
}

_COLUMNS: Final = """event_id, tenant, occurred_at, investigation_id, incident_id, step, finding, kind, service, indicator,
  statement, score, direction, onset, window_start, window_end, data_fresh_until, query, data"""

_PAGE: Final = """SELECT {columns},
  {value} AS position_value, event_id AS position_id
FROM evidence FINAL
WHERE {where}
ORDER BY {order}
LIMIT {{limit:UInt64}}
{limits}"""

_GET: Final = """SELECT {columns}
FROM evidence FINAL
WHERE tenant = {{tenant:String}} AND event_id = {{event_id:String}}
LIMIT 1
{limits}"""


@dataclass(frozen=True, slots=True)
class EvidenceFilter:
    """Findings that agree with everything that is given."""

    investigation_id: str = ""
    incident_id: str = ""
    service: str = ""
    indicator: str = ""
    kinds: tuple[str, ...] | None = None
    steps: tuple[str, ...] | None = None
    min_score: float | None = None


async def evidence_page(
    clickhouse: ClickHouse, scope: Scope, request: PageRequest, only: EvidenceFilter | None = None
) -> Page[Evidence]:
    """Return one page of the findings made in [start, end]. Raises as the other pages."""
    paged = paging(request, EVIDENCE_SORTS, "event_id")
    where = both(bounds(scope, "occurred_at"), *_filters(only or EvidenceFilter()), paged.after)
    sql = _PAGE.format(columns=_COLUMNS, value=paged.value, where=where.sql, order=paged.order, limits=LIMITS)
    return await ask_page(clickhouse, Query("evidence_page", sql, where.parameters), paged, _evidence)


async def get_evidence(clickhouse: ClickHouse, *, tenant: str, evidence_id: str) -> Evidence:
    """Return one finding of the tenant. Raises NotFoundError."""
    parameters: dict[str, Parameter] = {"tenant": tenant, "event_id": evidence_id}
    sql = _GET.format(columns=_COLUMNS, limits=LIMITS)
    found = await clickhouse.query(Query("get_evidence", sql, parameters))
    if not found.rows:
        raise NotFoundError(f"{tenant} has no evidence {evidence_id}")
    return _evidence(found.rows[0])


def _filters(only: EvidenceFilter) -> list[Condition]:
    texts = ("investigation_id", "incident_id", "service", "indicator")
    strong = Condition("score >= {min_score:Float64}", {"min_score": only.min_score or 0.0})
    return [
        *(maybe_equal(name, getattr(only, name)) for name in texts),
        among("kind", only.kinds),
        among("step", only.steps),
        *([] if only.min_score is None else [strong]),
    ]


def _evidence(row: Mapping[str, Any]) -> Evidence:
    return Evidence.model_validate({name: row[name] for name in Evidence.model_fields if name in row})
