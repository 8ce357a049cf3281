"""`tocsin follow`: an investigation live over HTTP, from its first step to its report."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import orjson
import typer
from rich.markdown import Markdown

from infra.cli.console import emit, err, out
from infra.cli.event_stream import EventStream, StreamEvent
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.cli.remote.client import http_client
from infra.cli.remote.completion import investigation_ids
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, api_of
from infra.cli.remote.place import Endpoint
from infra.cli.remote.refusals import of_response, why_untrusted
from schemas.events import InvestigationState
from schemas.pages.words import percent

__all__ = ["Show", "follow", "follow_investigation"]

Show = Callable[[StreamEvent, dict[str, Any]], None]
"""Is handed each event and its data."""

_CONNECT_S, _SILENT_S = 10.0, 60.0
"""The API says something every 15 s."""


def follow(
    investigation: Annotated[
        str,
        typer.Argument(help="The investigation's id.", show_default=False, autocompletion=investigation_ids),
    ],
    patience: Annotated[
        float, typer.Option(min=0.0, help="Give up after so many seconds without a connection.")
    ] = 60.0,
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Follow an investigation to its end, through lost connections. Exits with 6 unless it completes."""
    endpoint = api_of(context, url, key, data)
    show = _as_json if as_json else _for_people
    state = asyncio.run(follow_investigation(endpoint, investigation, patience, show))
    if state is not InvestigationState.COMPLETED:
        raise typer.Exit(ExitCode.NEGATIVE)


async def follow_investigation(
    endpoint: Endpoint, investigation: str, patience_s: float, show: Show
) -> InvestigationState:
    """Show what the investigation says until its end, and return that. Raises like EventStream.events."""
    ended = InvestigationState.RUNNING
    async with http_client(endpoint, httpx.Timeout(_SILENT_S, connect=_CONNECT_S)) as client:
        stream = EventStream(
            client,
            f"/v1/investigations/{quote(investigation, safe='')}/events",
            patience_s,
            asyncio.sleep,
            _lost,
            refusal=lambda status, body: of_response(status, body, endpoint),
            untrusted=lambda error: why_untrusted(error, endpoint),
        )
        async for event in stream.events():
            values = orjson.loads(event.data)
            ended = InvestigationState(values.get("state", ended)) if event.name != "evidence" else ended
            show(event, values)
    return ended


def _lost(why: str) -> None:
    err.print(f"the connection is lost ({why}); trying again", highlight=False, markup=False)


def _as_json(event: StreamEvent, values: dict[str, Any]) -> None:
    emit({"event": event.name, "id": event.id, "data": values})


def _for_people(event: StreamEvent, values: dict[str, Any]) -> None:
    match event.name:
        case "status":
            what = f"{values['state']}: {values['step']}" if values["step"] else values["state"]
            line = (
                f"{values['occurred_at'][:19]}  {percent(values['progress']):>5}  {what}  {values['message']}"
            )
            err.print(line.rstrip(), highlight=False, markup=False)
        case "evidence":
            err.print(f"    [{values['step']}] {values['statement']}", highlight=False, markup=False)
        case "report":
            out.print(Markdown(values["markdown"] or values["headline"]))
        case _:
            pass
