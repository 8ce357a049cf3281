# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Reports: the verdict of an investigation, as JSON for programs, Markdown for chats, a page for people."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import Query, Request, Response

from api.http.listing import WHOLE_SPAN, Filter, Lists, given, window
from api.http.negotiation import choose
from api.http.principal import ReportReader
from api.http.reads import Reads
from api.http.report_page import report_page
from api.http.route import api_router, problems
from api.http.views import Listing, ReportView
from api.read_ports import EvidenceQuery, ReadDeps, ReportQuery
from schemas.access import Permission, Principal
from schemas.events import Evidence, Report, Verdict

__all__ = ["router"]

router = api_router("/reports", "reports")

_JSON, _MARKDOWN, _HTML = "application/json", "text/markdown", "text/html"
_FORMATS: Final = {"json": _JSON, "markdown": _MARKDOWN, "html": _HTML}
_TEXT: Final = {"schema": {"type": "string"}}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page loads nothing and runs nothing."""
_CITED = 1_000


@router.get("")
async def list_reports(
    _by: ReportReader,
    reads: Reads,
    page: Lists,
    sort: Literal["finished_at", "confidence", "cost"] = "finished_at",
    service: Filter = "",
    cause: Filter = "",
    verdict: Annotated[tuple[Verdict, ...], Query(max_length=10)] = (),
    incident_id: Filter = "",
    min_confidence: Annotated[float | None, Query(ge=0, le=1)] = None,
) -> Listing[ReportView]:
    """List reports in their last revision. `service` had alarms or is a cause; `cause` is a cause."""
    asked = page.asked(sort)
    query = ReportQuery(
        **asked,
        service=service,
        cause=cause,
        verdicts=given(verdict),
        incident_id=incident_id,
        min_confidence=min_confidence,
    )
    return page.listing(asked, await reads.tables.reports(query), lambda row: row)


@router.get(
    "/{investigation_id}",
    response_model=Report,
    responses={200: {"content": {_MARKDOWN: _TEXT, _HTML: _TEXT}}, **problems(404, 406)},
)
async def get_report(
    investigation_id: str,
    request: Request,
    by: ReportReader,
    reads: Reads,
    revision: Annotated[int, Query(ge=0, le=2**31, description="0 is the last.")] = 0,
    form: Annotated[
        Literal["json", "markdown", "html"] | None, Query(alias="format", description="Goes before `Accept`.")
    ] = None,
) -> Response:
    """Return the report of an investigation."""
    media_type = _FORMATS[form] if form else choose(request, tuple(_FORMATS.values()))
    report = await reads.tables.report(by.tenant, investigation_id, revision)
    headers = {"Vary": "Accept"}
    if media_type == _HTML:
        headers["Content-Security-Policy"] = _POLICY
        page = report_page(report, await _cited(request, by, reads, report))
        return Response(page, media_type=_HTML, headers=headers)
    if media_type == _MARKDOWN:
        return Response(report.markdown, media_type=_MARKDOWN, headers=headers)
    return Response(report.model_dump_json(), media_type=_JSON, headers=headers)


async def _cited(request: Request, by: Principal, reads: ReadDeps, report: Report) -> tuple[Evidence, ...]:
    """Return the findings of the investigation, for whom they are."""
    if not by.may(Permission.EVIDENCE):
        return ()
    start, end = window(request, None, None, WHOLE_SPAN)
    found = await reads.tables.evidence(
        EvidenceQuery(
            tenant=by.tenant,
            start=start,
            end=end,
            sort="score",
            descending=True,
            after=None,
            limit=_CITED,
            investigation_id=report.investigation_id,
        )
    )
    return found.rows
