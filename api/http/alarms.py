# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Alarms as their sources told them, with the decisions that triage took."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from api.http.listing import Filter, Lists, given
from api.http.principal import Reader
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import AlarmView, Listing
from api.read_ports import AlarmQuery
from schemas.events import AlarmStatus, Decision, Severity

__all__ = ["router"]

router = api_router("/alarms", "alarms")


@router.get("")
async def list_alarms(
    _by: Reader,
    reads: Reads,
    page: Lists,
    sort: Literal["occurred_at", "started_at", "severity", "messages"] = "occurred_at",
    service: Filter = "",
    name: Filter = "",
    source: Filter = "",
    fingerprint: Filter = "",
    severity: Annotated[tuple[Severity, ...], Query(max_length=10)] = (),
    status: Annotated[tuple[AlarmStatus, ...], Query(max_length=10)] = (),
    decision: Annotated[tuple[Decision, ...], Query(max_length=10)] = (),
) -> Listing[AlarmView]:
    """List alarm events, each once however often it was sent, with what was decided about it and why."""
    asked = page.asked(sort)
    query = AlarmQuery(
        **asked,
        service=service,
        name=name,
        source=source,
        fingerprint=fingerprint,
        severities=given(severity),
        statuses=given(status),
        decisions=given(decision),
    )
    return page.listing(asked, await reads.tables.alarms(query), lambda row: row)


@router.get("/{event_id}", responses=problems(404))
async def get_alarm(event_id: str, by: Reader, reads: Reads) -> AlarmView:
    """Return one alarm event."""
    return await reads.tables.alarm(by.tenant, event_id)
