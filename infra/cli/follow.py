"""`tocsin follow`: an investigation live over HTTP, from its first step to its report."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import orjson
import typer
from rich.markdown import Markdown

from infra.cli.console import emit, err, out
from infra.cli.context import load_settings
from infra.cli.event_stream import EventStream, StreamEvent
from infra.cli.exit_codes import ExitCode
from infra.cli.key_ring import read_admin_key
from infra.cli.options import AsJson, DataDir
from infra.local.state import read_state
from infra.runtime.settings import Settings
from schemas.errors import ConfigurationError, InvalidRequestError, UnavailableError
from schemas.events import InvestigationState

__all__ = ["follow", "follow_investigation"]

_CONNECT_S, _SILENT_S = 10.0, 60.0
"""The API says something every 15 s."""


def follow(
    investigation: Annotated[str, typer.Argument(help="The investigation's id.", show_default=False)],
    url: Annotated[
        str,
        typer.Option(
            "--url", envvar="TOCSIN_API_URL", help="Address of the API.", show_default="the stack's"
        ),
    ] = "",
    key: Annotated[
        str,
        typer.Option("--key", envvar="TOCSIN_API_KEY", help="An API key.", show_default="the first admin's"),
    ] = "",
    patience: Annotated[
        float, typer.Option(min=0.0, help="Give up after so many seconds without a connection.")
    ] = 60.0,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Follow an investigation to its end, through lost connections. Exits with 6 unless it completes."""
    settings = load_settings(data)
    base, secret = url or _url(settings), key or _key(settings)
    state = asyncio.run(follow_investigation(base, secret, investigation, patience, as_json=as_json))
    if state is not InvestigationState.COMPLETED:
        raise typer.Exit(ExitCode.NEGATIVE)


async def follow_investigation(
    url: str, key: str, investigation: str, patience_s: float, *, as_json: bool
) -> InvestigationState:
    """Print what the investigation says until its end, and return that. Raises like EventStream.events."""
    timeout = httpx.Timeout(_SILENT_S, connect=_CONNECT_S)
    headers = {"Authorization": f"Bearer {key}"}
    ended = InvestigationState.RUNNING
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout) as client:
            path = f"/v1/investigations/{quote(investigation, safe='')}/events"
            stream = EventStream(client, path, patience_s, asyncio.sleep, _lost)
            async for event in stream.events():
                values = orjson.loads(event.data)
                ended = InvestigationState(values.get("state", ended)) if event.name != "evidence" else ended
                _show(event, values, as_json=as_json)
    except httpx.InvalidURL as error:
        raise InvalidRequestError(f"--url: {error}", cure="Write http://host:port.") from error
    return ended


def _lost(why: str) -> None:
    err.print(f"the connection is lost ({why}); trying again", highlight=False, markup=False)


def _show(event: StreamEvent, values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit({"event": event.name, "id": event.id, "data": values})
        return
    match event.name:
        case "status":
            what = f"{values['state']}: {values['step']}" if values["step"] else values["state"]
            line = f"{values['occurred_at'][:19]}  {values['progress']:4.0%}  {what}  {values['message']}"
            err.print(line.rstrip(), highlight=False, markup=False)
        case "evidence":
            err.print(f"    [{values['step']}] {values['statement']}", highlight=False, markup=False)
        case "report":
            out.print(Markdown(values["markdown"] or values["headline"]))
        case _:
            pass


def _url(settings: Settings) -> str:
    state = read_state(settings.data_dir)
    found = state.addresses.api_url if state is not None and state.is_running() else None
    if not found:
        raise UnavailableError(
            f"no API runs in {settings.data_dir}", cure="Start one with `tocsin up`, or name it with --url."
        )
    return found


def _key(settings: Settings) -> str:
    found = read_admin_key(settings.data_dir)
    if found is None:
        raise ConfigurationError(
            "no API key", cure="Give one with --key or TOCSIN_API_KEY; `tocsin keys` makes one."
        )
    return found
