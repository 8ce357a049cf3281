# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Reports: the verdict of an investigation, as JSON for programs, Markdown for chats, a page for people, and its pictures."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query, Request, Response

from api.http.listing import WHOLE_SPAN, Filter, Lists, given, window
from api.http.negotiation import choose
from api.http.principal import ReportReader
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import Listing, ReportView
from api.read_ports import EvidenceQuery, ReadDeps, ReportQuery
from schemas.access import Permission, Principal
from schemas.errors import NotFoundError
from schemas.events import Evidence, Report, Verdict
from schemas.pages import HERE, Form, PageLinks, figure_svg, report_html, report_markdown, sketch_svg

__all__ = ["router"]

router = api_router("/reports", "reports")

_JSON, _MARKDOWN, _HTML, _SVG = "application/json", "text/markdown", "text/html", "image/svg+xml"
_FORMATS: Final = {"json": _JSON, "markdown": _MARKDOWN, "html": _HTML}
_TEXT: Final = {"schema": {"type": "string"}}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page, or the picture, loads nothing and runs nothing."""
_CITED: Final = 1_000
_EVIDENCE: Final = PageLinks(evidence="../evidence/")
"""From `/v1/reports/{investigation_id}` to `/v1/evidence/{evidence_id}`, whatever stands before `/v1`."""
_DRAWN: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {_SVG: _TEXT}}}

_Revision = Annotated[int, Query(ge=0, le=2**31, description="0 is the last.")]


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
    revision: _Revision = 0,
    form: Annotated[
        Form,
        Query(
            description="`postmortem` is a draft with places for what only people know. JSON is the same in both."
        ),
    ] = Form.REPORT,
    wanted: Annotated[
        Literal["json", "markdown", "html"] | None, Query(alias="format", description="Goes before `Accept`.")
    ] = None,
) -> Response:
    """Return the report of an investigation, in the form of a report or of a postmortem."""
    media_type = _FORMATS[wanted] if wanted else choose(request, _offered(form))
    report = await reads.tables.report(by.tenant, investigation_id, revision)
    headers = {"Vary": "Accept"}
    if media_type == _JSON:
        return Response(report.model_dump_json(), media_type=_JSON, headers=headers)
    said = await reads.tables.feedback(by.tenant, report.investigation_id)
    if media_type == _MARKDOWN and form is Form.REPORT and report.markdown and not said:
        return Response(report.markdown, media_type=_MARKDOWN, headers=headers)
    evidence = await _evidence(request, by, reads, report)
    links = _EVIDENCE if by.may(Permission.EVIDENCE) else HERE
    if media_type == _MARKDOWN:
        text = report_markdown(report, evidence, form, links, said)
        return Response(text, media_type=_MARKDOWN, headers=headers)
    headers["Content-Security-Policy"] = _POLICY
    return Response(report_html(report, evidence, form, links, said), media_type=_HTML, headers=headers)


@router.get(
    "/{investigation_id}/figures/{number}.svg", response_class=Response, responses={**_DRAWN, **problems(404)}
)
async def get_figure(
    investigation_id: str,
    number: Annotated[int, Path(ge=1, le=100, description="From 1, as in the report's `figures`.")],
    by: ReportReader,
    reads: Reads,
    revision: _Revision = 0,
) -> Response:
    """Return a picture of a decisive measurement, with the change and the alarm marked."""
    report = await reads.tables.report(by.tenant, investigation_id, revision)
    if number > len(report.figures):
        raise NotFoundError(
            f"the report has {len(report.figures)} pictures, not {number}", cure="They are numbered from 1."
        )
    return _drawn(figure_svg(report.figures[number - 1], number))


@router.get(
    "/{investigation_id}/topology.svg", response_class=Response, responses={**_DRAWN, **problems(404)}
)
async def get_sketch(
    investigation_id: str, by: ReportReader, reads: Reads, revision: _Revision = 0
) -> Response:
    """Return a sketch of the services around the incident, with the path from the cause to the alarm."""
    return _drawn(sketch_svg(await reads.tables.report(by.tenant, investigation_id, revision)))


def _drawn(picture: str) -> Response:
    return Response(picture, media_type=_SVG, headers={"Content-Security-Policy": _POLICY})


def _offered(form: Form) -> tuple[str, ...]:
    """What there is, what is given to whom anything will do for first: a postmortem is for people."""
    return (_MARKDOWN, _HTML, _JSON) if form is Form.POSTMORTEM else tuple(_FORMATS.values())


async def _evidence(request: Request, by: Principal, reads: ReadDeps, report: Report) -> tuple[Evidence, ...]:
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
