# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Evidence: one finding each, with the query that shows it again."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from api.http.listing import DEFAULT_SPAN, WHOLE_SPAN, Filter, Lists, given
from api.http.principal import EvidenceReader
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import EvidenceView, Listing
from api.read_ports import EvidenceQuery

__all__ = ["router"]

router = api_router("/evidence", "evidence")

_Names = Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Query(max_length=50)]


@router.get("")
async def list_evidence(
    _by: EvidenceReader,
    reads: Reads,
    page: Lists,
    sort: Literal["occurred_at", "score"] = "occurred_at",
    investigation_id: Filter = "",
    incident_id: Filter = "",
    service: Filter = "",
    indicator: Filter = "",
    kind: _Names = (),
    step: _Names = (),
    min_score: Annotated[float | None, Query(ge=0, allow_inf_nan=False)] = None,
) -> Listing[EvidenceView]:
    """List findings. For one investigation or incident the range is all there is, unless one is given."""
    asked = page.asked(sort, WHOLE_SPAN if investigation_id or incident_id else DEFAULT_SPAN)
    query = EvidenceQuery(
        **asked,
        investigation_id=investigation_id,
        incident_id=incident_id,
        service=service,
        indicator=indicator,
        kinds=given(kind),
        steps=given(step),
        min_score=min_score,
    )
    return page.listing(asked, await reads.tables.evidence(query), EvidenceView.of)


@router.get("/{evidence_id}", responses=problems(404))
async def get_evidence(evidence_id: str, by: EvidenceReader, reads: Reads) -> EvidenceView:
    """Return one finding."""
    return EvidenceView.of(await reads.tables.one_evidence(by.tenant, evidence_id))
