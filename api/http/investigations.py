# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Investigations: what was asked, where it stands, what came out; started and cancelled by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from fastapi import Query, Response
from pydantic import ConfigDict, Field, model_validator

from api.http.deps import DepsOf, Traceparent
from api.http.exact import Aware
from api.http.idempotency import IdempotencyKey, name_for
from api.http.listing import Filter, Lists, given
from api.http.principal import Investigator, Reader
from api.http.problem import FieldProblem, Problem
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import InvestigationView, Listing
from api.ports import Clock
from api.read_ports import InvestigationQuery, ReadDeps
from schemas.access import Principal
from schemas.errors import NotFoundError
from schemas.events import (
    Audit,
    InvestigationRequested,
    InvestigationState,
    RequestKind,
    Verdict,
)
from schemas.events.base import Name, Record

__all__ = ["ENDED", "NewInvestigation", "find_investigation", "router"]

router = api_router("/investigations", "investigations")

ENDED: Final = frozenset(
    {
        InvestigationState.COMPLETED,
        InvestigationState.FAILED,
        InvestigationState.CANCELLED,
        InvestigationState.REFUSED,
    }
)
"""After these an investigation says nothing more."""

_AHEAD: Final = timedelta(hours=1)


class NewInvestigation(Record):
    """What to look at: an incident, or a service at a time."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"service": "cart", "at": "2026-03-01T11:57:00Z", "reason": "slow since noon"}
        }
    )

    incident_id: Annotated[str, Field(max_length=256)] = ""
    service: Annotated[Name, Field()] | None = None
    at: Aware | None = None
    """When it was, for a service; now unless given."""
    reason: Annotated[str, Field(max_length=1_000)] = ""
    """Why, for whoever reads it later."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if bool(self.incident_id) == bool(self.service):
            raise ValueError("name an incident_id or a service, not both")
        if self.at is not None and not self.service:
            raise ValueError("at goes with a service: an incident has its own time")
        return self


@router.get("")
async def list_investigations(
    _by: Reader,
    reads: Reads,
    page: Lists,
    sort: Literal["requested_at", "last_at", "priority"] = "requested_at",
    service: Filter = "",
    incident_id: Filter = "",
    state: Annotated[tuple[InvestigationState, ...], Query(max_length=10)] = (),
    kind: Annotated[tuple[RequestKind, ...], Query(max_length=10)] = (),
    verdict: Annotated[tuple[Verdict, ...], Query(max_length=10)] = (),
) -> Listing[InvestigationView]:
    """List the investigations that were asked for in the range."""
    asked = page.asked(sort)
    query = InvestigationQuery(
        **asked,
        service=service,
        incident_id=incident_id,
        states=given(state),
        kinds=given(kind),
        verdicts=given(verdict),
    )
    return page.listing(asked, await reads.tables.investigations(query), lambda row: row)


@router.post("", status_code=202, responses=problems(404, 409, 415))
async def start_investigation(
    new: NewInvestigation,
    response: Response,
    by: Investigator,
    reads: Reads,
    deps: DepsOf,
    traceparent: Traceparent,
    key: IdempotencyKey = None,
) -> InvestigationView:
    """Ask for an investigation by hand. Accepted once the broker has the request; `Location` tells where it is."""
    request = await _request(new, by, reads, deps.clock, name_for("ask", by.tenant, key, deps.ids.new))
    audit = _audit(by, deps.clock, "investigation.start", request, new.reason)
    await deps.publisher.publish_all([audit, request], traceparent=traceparent)
    reads.feed.expect(request)
    response.headers["Location"] = f"/v1/investigations/{request.investigation_id}"
    return InvestigationView.queued(request)


@router.get("/{investigation_id}", responses=problems(404))
async def get_investigation(investigation_id: str, by: Reader, reads: Reads) -> InvestigationView:
    """Return where an investigation stands, and the verdict once there is one."""
    return await find_investigation(reads, by.tenant, investigation_id)


@router.post("/{investigation_id}/cancel", status_code=202, responses=problems(404, 409))
async def cancel_investigation(
    investigation_id: str,
    by: Investigator,
    reads: Reads,
    deps: DepsOf,
    traceparent: Traceparent,
    _key: IdempotencyKey = None,
) -> InvestigationView:
    """Take an investigation back. One that has begun is brought to its end, and notes it; one that has ended: 409."""
    found = await find_investigation(reads, by.tenant, investigation_id)
    if found.state in ENDED:
        raise Problem(409, "investigation-ended", f"The investigation is {found.state.value}.")
    request = reads.feed.requested(by.tenant, investigation_id)
    if request is None:
        request = await reads.tables.request(by.tenant, investigation_id)
    cancel = _cancellation(request, by, deps.clock)
    audit = _audit(by, deps.clock, "investigation.cancel", request, "")
    await deps.publisher.publish_all([audit, cancel], traceparent=traceparent)
    return found


async def find_investigation(reads: ReadDeps, tenant: str, investigation_id: str) -> InvestigationView:
    """Return the tenant's investigation, also one whose request has not landed yet. Raises NotFoundError."""
    try:
        return await reads.tables.investigation(tenant, investigation_id)
    except NotFoundError:
        request = reads.feed.requested(tenant, investigation_id)
        if request is None:
            raise
        return InvestigationView.queued(request)


async def _request(
    new: NewInvestigation, by: Principal, reads: ReadDeps, clock: Clock, name: str
) -> InvestigationRequested:
    now = clock.now()
    if new.service:
        at = now if new.at is None else new.at
        if at > now + _AHEAD:
            fault = FieldProblem(pointer="#/at", detail="is in the future")
            raise Problem(422, "invalid-request", "There is nothing to see yet.", errors=[fault])
        request = reads.requests.about_service(by.tenant, new.service, at, now, name)
    else:
        incident = await reads.tables.incident(by.tenant, new.incident_id)
        request = reads.requests.about_incident(incident, now, name)
    return request.model_copy(update={"reason": new.reason}) if new.reason else request


def _cancellation(request: InvestigationRequested, by: Principal, clock: Clock) -> InvestigationRequested:
    return InvestigationRequested(
        tenant=request.tenant,
        occurred_at=request.occurred_at,
        investigation_id=request.investigation_id,
        incident=request.incident,
        kind=RequestKind.CANCEL,
        policy=request.policy,
        reason=f"cancelled by {by.name}",
        requested_at=clock.now(),
    )


def _audit(by: Principal, clock: Clock, action: str, request: InvestigationRequested, reason: str) -> Audit:
    return Audit(
        tenant=by.tenant,
        occurred_at=clock.now(),
        principal=by.name,
        action=action,
        resource=request.investigation_id,
        allowed=True,
        reason=reason,
    )
