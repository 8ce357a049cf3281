# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Costs: the ledger, grouped, in figures that add up; as JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from fastapi import Query, Request, Response

from api.http.cost_views import CostGroupView, CostReportView
from api.http.listing import End, Filter, Start, window
from api.http.negotiation import choose
from api.http.principal import CostReader
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.read_ports import CostAnswer, CostQuery
from schemas.events import CostKind

__all__ = ["router"]

router = api_router("/costs", "costs")

_Dimension = Literal["tenant", "service", "alarm", "model", "step", "day", "kind", "investigation_id"]
_JSON, _CSV = "application/json", "text/csv"
_TOKENS: Final = ("input_uncached", "cache_read", "cache_write", "output", "reasoning")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@router.get(
    "",
    response_model=CostReportView,
    responses={200: {"content": {_CSV: {"schema": {"type": "string"}}}}, **problems(406)},
)
async def get_costs(
    request: Request,
    principal: CostReader,
    reads: Reads,
    by: _Dimension = "model",
    start: Start = None,
    end: End = None,
    service: Filter = "",
    alarm: Filter = "",
    model: Filter = "",
    step: Filter = "",
    kind: CostKind | None = None,
    investigation_id: Filter = "",
    incident_id: Filter = "",
    limit: Annotated[int, Query(ge=1, le=10_000, description="At most this many groups.")] = 1_000,
    form: Annotated[
        Literal["json", "csv"] | None, Query(alias="format", description="Goes before `Accept`.")
    ] = None,
) -> CostReportView | Response:
    """Return what investigations cost by one dimension: the groups, the dearest first, and their total."""
    media_type = {"json": _JSON, "csv": _CSV}[form] if form else choose(request, (_JSON, _CSV))
    first, last = window(request, start, end)
    only = {
        "service": service,
        "alarm": alarm,
        "model": model,
        "step": step,
        "kind": kind.value if kind else "",
    }
    only |= {"investigation_id": investigation_id, "incident_id": incident_id}
    query = CostQuery(tenant=principal.tenant, start=first, end=last, by=by, limit=limit, only=only)
    found = await reads.tables.costs(query)
    return _file_of(query, found) if media_type == _CSV else _report_of(query, found)


def _file_of(query: CostQuery, found: CostAnswer) -> Response:
    name = f'attachment; filename="costs-by-{query.by}.csv"'
    page = _csv(query.by, (*found.groups, found.total.model_copy(update={"key": "(total)"})))
    return Response(page, media_type=_CSV, headers={"Content-Disposition": name, "Vary": "Accept"})


def _report_of(query: CostQuery, found: CostAnswer) -> CostReportView:
    return CostReportView(
        by=query.by,
        start=query.start,
        end=query.end,
        groups=found.groups,
        total=found.total,
        truncated=found.truncated,
        sql=found.sql,
    )


def _csv(by: str, groups: tuple[CostGroupView, ...]) -> str:
    """A header, a line per group, and the total last. What is unknown is empty, not 0."""
    page = io.StringIO()
    writer = csv.writer(page)
    tokens = (f"{name}_tokens" for name in _TOKENS)
    writer.writerow([by, "entries", "unpriced", "cost_nano_usd", *tokens, "rows_read", "duration_ms"])
    writer.writerows(_cells(group) for group in groups)
    return page.getvalue()


def _cells(group: CostGroupView) -> Iterator[object]:
    # A spreadsheet would run a name that looks like a formula.
    yield f"'{group.key}" if group.key.startswith(_FORMULA) else group.key
    yield from (group.entries, group.unpriced, group.cost_nano_usd)
    yield from (group.tokens.get(name) for name in _TOKENS)
    yield from (group.rows_read, group.duration_ms)
