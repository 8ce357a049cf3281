"""`tocsin evidence`: findings of an investigation from the tables, or from the topic as they are made."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from infra.cli.console import emit, out, table, when
from infra.cli.context import load_installation, load_settings
from infra.cli.event_stream import StreamEvent
from infra.cli.follow import follow_investigation
from infra.cli.options import AsJson, DataDir, Limit, TenantName
from infra.cli.reading import open_topics
from infra.cli.remote.client import ask_api
from infra.cli.remote.completion import investigation_ids
from infra.cli.remote.here import ask_here
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, remote_of
from infra.cli.remote.place import Endpoint
from infra.cli.remote.reading import evidence_of as evidence_over_http
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from schemas.errors import InvalidRequestError
from schemas.events import Evidence
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.investigations import evidence_of
from streams.reader import ReadEvent

__all__ = ["evidence"]

_PATIENCE_S = 60.0


def evidence(
    investigation: Annotated[
        str,
        typer.Argument(help="The investigation's id.", show_default=False, autocompletion=investigation_ids),
    ] = "",
    step: Annotated[str, typer.Option(help="Only of this step: alarms, kpis, logs, changes, ...")] = "",
    follow: Annotated[
        bool, typer.Option("--follow", help="Print findings as they are made, until Ctrl-C.")
    ] = False,
    limit: Limit = 1_000,
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what an investigation found, each finding with the query that shows it again."""
    settings = load_settings(data, tenant)
    endpoint = remote_of(settings, context, url, key, data, tenant)
    if follow and endpoint is None:
        asyncio.run(_follow(settings, investigation, as_json))
        return
    if not investigation:
        everything = "" if endpoint else ", or follow all with --follow"
        raise InvalidRequestError("which investigation?", cure=f"Name it{everything}.")
    if endpoint is not None and follow:
        _follow_remote(endpoint, investigation, as_json)
        return
    rows: list[dict[str, Any]]
    if endpoint is not None:
        rows = ask_api(endpoint, lambda api: evidence_over_http(api, investigation, step=step, limit=limit))
    else:
        landed = ask_here(
            settings, lambda clickhouse: _rows(clickhouse, settings.tenant, investigation, step, limit)
        )
        rows = [{"evidence_id": one.event_id, **one.model_dump(mode="json")} for one in landed]
    _print_all(rows, investigation, as_json)


def _print_all(rows: list[dict[str, Any]], investigation: str, as_json: bool) -> None:
    if as_json:
        for one in rows:
            emit(one)
        return
    columns = ("id", "step", "service", "score", "what was seen")
    cells = [
        (one["evidence_id"], one["step"], one["service"], _score(one["score"]), one["statement"])
        for one in rows
    ]
    out.print(table(f"Evidence of {investigation}", columns, cells))


async def _rows(
    clickhouse: ClickHouse, tenant: str, investigation: str, step: str, limit: int
) -> tuple[Evidence, ...]:
    found = await evidence_of(
        clickhouse, tenant=tenant, investigation_id=investigation, step=step, limit=limit
    )
    return found.rows


async def _follow(settings: Settings, investigation: str, as_json: bool) -> None:
    installation = load_installation(settings)
    async with open_topics(installation) as reader:
        async for read in reader.events([Evidence.TOPIC], since=SystemClock().now(), follow=True):
            if isinstance(read, ReadEvent) and isinstance(read.event, Evidence):
                one = read.event
                if one.tenant == settings.tenant and investigation in ("", one.investigation_id):
                    _print(one, as_json)


def _print(one: Evidence, as_json: bool) -> None:
    if as_json:
        emit(one)
    else:
        out.print(f"{when(one.occurred_at)} [{one.step}] {one.statement}", highlight=False, markup=False)


def _follow_remote(endpoint: Endpoint, investigation: str, as_json: bool) -> None:
    def show(event: StreamEvent, values: dict[str, Any]) -> None:
        if event.name != "evidence":
            return
        if as_json:
            emit(values)
        else:
            at = values["occurred_at"][:19].replace("T", " ")
            out.print(f"{at} [{values['step']}] {values['statement']}", highlight=False, markup=False)

    asyncio.run(follow_investigation(endpoint, investigation, _PATIENCE_S, show))


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.1f}"
