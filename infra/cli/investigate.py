"""`tocsin investigate`: ask for an investigation by hand, watch it, read its report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import typer

from infra.cli.console import emit, err, out, when
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.manual import manual_request
from infra.cli.options import AsJson, DataDir, TenantName
from infra.cli.publishing import open_publisher
from infra.cli.reading import open_topics
from infra.cli.remote.completion import incident_ids
from infra.cli.report import ReportFormat, show_report
from infra.cli.rows import instant
from infra.cli.tables import address_of, ask
from infra.runtime.clock import SystemClock
from schemas import ids
from schemas.control import DEFAULT_POLICY
from schemas.errors import InvalidRequestError, NotFoundError, UnavailableError
from schemas.events import (
    Incident,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    Report,
    RequestKind,
)
from schemas.pages.words import percent
from sinks.clickhouse.client import ClickHouse, open_clickhouse
from sinks.clickhouse.queries.incidents import get_incident
from sinks.clickhouse.queries.investigations import ENDED
from sinks.clickhouse.queries.reports import get_report
from streams.reader import ReadEvent, TopicReader

__all__ = ["investigate", "request_by_hand"]

_SOURCE = "manual"
_PRIORITY = 90
_LANDS_WITHIN_S = 30.0
_ASK_AGAIN_S = 0.3


def investigate(
    incident: Annotated[
        str, typer.Argument(help="The incident's id.", show_default=False, autocompletion=incident_ids)
    ] = "",
    service: Annotated[str, typer.Option("--service", "-s", help="Look at this service instead.")] = "",
    at: Annotated[
        str | None, typer.Option("--at", help="When it was: unix seconds or ISO 8601.", show_default="now")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for the report, or only print the id.")
    ] = True,
    timeout: Annotated[float, typer.Option(min=0.0, help="Wait at most this long, in seconds.")] = 600.0,
    form: Annotated[
        ReportFormat, typer.Option("--format", help="How to print the report.")
    ] = ReportFormat.PAGE,
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Investigate an incident, or a service at a time, now. Each call is an investigation of its own."""
    settings = load_settings(data, tenant)
    now = SystemClock().now()
    if bool(incident) == bool(service):
        raise InvalidRequestError("investigate what?", cure="Name an incident, or a --service; not both.")
    if service:
        what = manual_request(settings.tenant, service, _time(at, now)).incident
    elif at is None:
        what = ask(settings, lambda clickhouse: _incident(clickhouse, settings.tenant, incident))
    else:
        raise InvalidRequestError(
            "--at goes with --service", cure="Leave it out: an incident has its own time."
        )
    request = request_by_hand(what, now)
    installation = load_installation(settings)
    if not follow:
        asyncio.run(_publish(installation, request))
        _tell_id(request, as_json)
        return
    found = asyncio.run(_ask_and_follow(installation, request, timeout))
    show_report(found, form, as_json=as_json)


def request_by_hand(incident: Incident, now: datetime) -> InvestigationRequested:
    """Return the request; another time makes another investigation of the same incident."""
    return InvestigationRequested(
        tenant=incident.tenant,
        occurred_at=incident.occurred_at,
        investigation_id=ids.stable_id("inv", incident.incident_id, _SOURCE, now.isoformat()),
        incident=incident,
        kind=RequestKind.MANUAL,
        policy=f"{_SOURCE}@1",
        reason="asked by hand",
        priority=_PRIORITY,
        observe_s=DEFAULT_POLICY.observe_s,
        requested_at=now,
    )


def _time(text: str | None, now: datetime) -> datetime:
    try:
        return instant(text, now)
    except ValueError as error:
        raise InvalidRequestError(f"--at: {error}", cure="Write a time like 2026-03-01T12:00.") from error


async def _incident(clickhouse: ClickHouse, tenant: str, incident: str) -> Incident:
    return await get_incident(clickhouse, tenant=tenant, incident_id=incident)


async def _publish(installation: Installation, request: InvestigationRequested) -> None:
    async with open_publisher(installation, "cli/investigate") as producer:
        await producer.publish(request)


async def _ask_and_follow(
    installation: Installation, request: InvestigationRequested, timeout_s: float
) -> Report:
    await _publish(installation, request)
    err.print(f"investigation {request.investigation_id}", highlight=False)
    try:
        async with asyncio.timeout(timeout_s), open_topics(installation) as reader:
            last = await _shown_until_the_end(reader, request)
    except TimeoutError:
        raise UnavailableError(
            f"the investigation has not ended within {timeout_s:.0f} s",
            cure=f"It goes on; later, `tocsin report {request.investigation_id}` shows what it found.",
        ) from None
    if last.state is not InvestigationState.COMPLETED:
        raise typer.Exit(ExitCode.NEGATIVE)
    return await _report(installation, request)


async def _shown_until_the_end(reader: TopicReader, request: InvestigationRequested) -> InvestigationStatus:
    with err.status("waiting for a worker ...") as spinner:
        async for status in _statuses(reader, request):
            err.print(_line(status), highlight=False, markup=False)
            spinner.update(f"{status.step or status.state.value} ... {percent(status.progress)}")
            if status.state in ENDED:
                return status
    raise UnavailableError("the topic ended before the investigation did")


async def _statuses(
    reader: TopicReader, request: InvestigationRequested
) -> AsyncIterator[InvestigationStatus]:
    """Yield what the investigation says, each once, for ever."""
    seen: set[str] = set()
    topic = InvestigationStatus.TOPIC
    async for read in reader.events([topic], since=request.requested_at, follow=True):
        if not isinstance(read, ReadEvent) or not isinstance(read.event, InvestigationStatus):
            continue
        status = read.event
        if status.investigation_id == request.investigation_id and status.event_id not in seen:
            seen.add(status.event_id)
            yield status


def _line(status: InvestigationStatus) -> str:
    what = f"{status.state.value}: {status.step}" if status.step else status.state.value
    told = f"  {status.message}" if status.message else ""
    return f"{when(status.occurred_at)}  {percent(status.progress):>5}  {what}{told}"


async def _report(installation: Installation, request: InvestigationRequested) -> Report:
    """Wait until the report has landed."""
    wanted, deadline = request.investigation_id, time.monotonic() + _LANDS_WITHIN_S
    async with open_clickhouse(address_of(installation)) as clickhouse:
        while True:
            try:
                return await get_report(clickhouse, tenant=request.tenant, investigation_id=wanted)
            except NotFoundError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_ASK_AGAIN_S)


def _tell_id(request: InvestigationRequested, as_json: bool) -> None:
    if as_json:
        told = {"investigation_id": request.investigation_id, "incident_id": request.incident.incident_id}
        emit(told)
    else:
        out.print(request.investigation_id, highlight=False)
