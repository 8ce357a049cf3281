# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Incidents: alarms that belong together, and what became of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request

from api.http.listing import WHOLE_SPAN, Filter, Lists, given, window
from api.http.principal import Reader
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import IncidentDetail, IncidentView, Listing
from api.read_ports import IncidentQuery, InvestigationQuery
from schemas.events import IncidentTransition, Severity

__all__ = ["router"]

router = api_router("/incidents", "incidents")

_OPEN = tuple(
    one.value
    for one in IncidentTransition
    if one not in {IncidentTransition.MERGED, IncidentTransition.CLOSED}
)
_INVESTIGATIONS = 50


@router.get("")
async def list_incidents(
    _by: Reader,
    reads: Reads,
    page: Lists,
    sort: Literal["opened_at", "updated_at", "severity", "alarm_count"] = "opened_at",
    service: Filter = "",
    alarm_name: Filter = "",
    severity: Annotated[tuple[Severity, ...], Query(max_length=10)] = (),
    transition: Annotated[tuple[IncidentTransition, ...], Query(max_length=10)] = (),
    open_only: Annotated[bool, Query(alias="open", description="Only those that are not over.")] = False,
) -> Listing[IncidentView]:
    """List the incidents that were opened in the range, each as its last transition left it."""
    asked = page.asked(sort)
    transitions = given(transition)
    if open_only:
        transitions = tuple(one for one in transitions or _OPEN if one in _OPEN)
    query = IncidentQuery(
        **asked,
        service=service,
        alarm_name=alarm_name,
        severities=given(severity),
        transitions=transitions,
    )
    return page.listing(asked, await reads.tables.incidents(query), lambda row: row)


@router.get("/{incident_id}", responses=problems(404))
async def get_incident(incident_id: str, request: Request, by: Reader, reads: Reads) -> IncidentDetail:
    """Return one incident with its alarms and what was investigated about it."""
    incident = await reads.tables.incident(by.tenant, incident_id)
    start, end = window(request, None, None, WHOLE_SPAN)
    investigations = await reads.tables.investigations(
        InvestigationQuery(
            tenant=by.tenant,
            start=start,
            end=end,
            sort="requested_at",
            descending=True,
            after=None,
            limit=_INVESTIGATIONS,
            incident_id=incident_id,
        )
    )
    return IncidentDetail(
        **dict(IncidentView.of(incident)), alarms=incident.alarms, investigations=investigations.rows
    )
