"""An investigation live: its progress, findings and report as server-sent events, resumable by Last-Event-ID."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from fastapi import Header, Response
from pydantic import BaseModel
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.http.deps import DepsOf
from api.http.investigations import ENDED, find_investigation
from api.http.principal import Reader
from api.http.progress import StreamPosition, in_order
from api.http.reads import Reads
from api.http.route import api_router, problems
from api.http.views import EvidenceView
from api.ports import Deps
from api.read_ports import FeedItem, Subscription
from schemas.access import Permission, Principal
from schemas.events import Event, Evidence, InvestigationState, InvestigationStatus, Report

__all__ = ["router"]

router = api_router("/investigations", "investigations")

_QUIET_S: Final = 3.0
"""All is published before the end is told, but heard from other topics: after the end so long a silence is the end."""
_PING_S: Final = 15
_RETRY_MS: Final = 2_000
_EVENT: Final = {
    "description": "Each event; its data is JSON.",
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
}
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events `status`, `evidence`, `report`, at last `end`; each with an id to resume from.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    },
    204: {"description": "Everything was given before: do not reconnect."},
}


@router.get(
    "/{investigation_id}/events", response_class=EventSourceResponse, responses={**_STREAM, **problems(404)}
)
async def follow_investigation(
    investigation_id: str,
    by: Reader,
    reads: Reads,
    deps: DepsOf,
    last_event_id: Annotated[str | None, Header(max_length=256)] = None,
) -> Response:
    """Follow an investigation from its first step, or from the event after `Last-Event-ID`, to its end.

    Findings are for keys that may read evidence, the report for those that may read reports.
    """
    found = await find_investigation(reads, by.tenant, investigation_id)
    position = StreamPosition.parse(last_event_id, reads.log)
    if found.state in ENDED and not position.at_the_beginning:
        landed = await reads.tables.events_of(by.tenant, investigation_id)
        if all(position.has_passed(item) for item in landed):
            return Response(status_code=204)
    return EventSourceResponse(_stream(investigation_id, by, deps, position), ping=_PING_S)


async def _stream(
    investigation_id: str, by: Principal, deps: Deps, position: StreamPosition
) -> AsyncIterator[ServerSentEvent]:
    told = _Told(by, position)
    yield ServerSentEvent(comment="following", retry=_RETRY_MS)
    # Listen first, then look back: what happens in between is heard twice and told once.
    with deps.reads.feed.subscribe(investigation_id) as live:
        landed = await deps.reads.tables.events_of(by.tenant, investigation_id)
        for item in in_order(landed, live.recent):
            for event in told.of(item):
                yield event
        async for item in _heard(live, deps.stopping, told):
            for event in told.of(item):
                yield event
    if told.ended is not None:
        yield told.end()


async def _heard(live: Subscription, stopping: asyncio.Event, told: _Told) -> AsyncIterator[FeedItem]:
    """Yield what is heard until everything is told, the process stops, or this listener falls behind."""
    stop = asyncio.ensure_future(stopping.wait())
    try:
        while not told.complete:
            item = await _next(live, stop, None if told.ended is None else _QUIET_S)
            if item is None:
                return
            yield item
    finally:
        stop.cancel()


async def _next(
    live: Subscription, stop: asyncio.Future[Literal[True]], within_s: float | None
) -> FeedItem | None:
    heard = asyncio.ensure_future(live.next())
    waited: set[asyncio.Future[Any]] = {heard, stop}
    try:
        await asyncio.wait(waited, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        return heard.result() if heard.done() else None
    finally:
        heard.cancel()
        with suppress(asyncio.CancelledError):
            await heard


@dataclass(slots=True)
class _Told:
    """What one listener has been told, and may be."""

    by: Principal
    position: StreamPosition
    seen: set[str] = field(default_factory=set)
    ended: InvestigationState | None = None
    report: Report | None = None
    findings: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Whether nothing more will come: the end, and all findings that the report counts."""
        if self.ended is None or self.report is None:
            return False
        return len(self.findings) >= self.report.evidence_count

    def of(self, item: FeedItem) -> list[ServerSentEvent]:
        """Return the event to send, or none."""
        self._note(item.event)
        if self.position.has_passed(item):
            self.seen.add(item.event.event_id)
            return []
        self.position = self.position.past(item)
        shown = _shown(item.event, self.by)
        if shown is None or item.event.event_id in self.seen:
            return []
        self.seen.add(item.event.event_id)
        name, body = shown
        return [ServerSentEvent(body.model_dump_json(), event=name, id=str(self.position))]

    def end(self) -> ServerSentEvent:
        """Return the last event."""
        assert self.ended is not None
        return ServerSentEvent(f'{{"state":"{self.ended.value}"}}', event="end", id=str(self.position))

    def _note(self, event: Event) -> None:
        match event:
            case InvestigationStatus() if event.state in ENDED:
                self.ended = event.state
            case Evidence():
                self.findings.add(event.event_id)
            case Report():
                self.report = event
            case _:
                pass


def _shown(event: Event, by: Principal) -> tuple[str, BaseModel] | None:
    match event:
        case InvestigationStatus():
            return "status", event
        case Evidence() if by.may(Permission.EVIDENCE):
            return "evidence", EvidenceView.of(event)
        case Report() if by.may(Permission.REPORT):
            return "report", event
        case _:
            return None
