"""`tocsin evidence`: findings of an investigation from the tables, or from the topic as they are made."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from infra.cli.console import emit, out, table, when
from infra.cli.context import load_installation, load_settings
from infra.cli.options import AsJson, DataDir, Limit, TenantName
from infra.cli.tables import ask
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from schemas.errors import InvalidRequestError
from schemas.events import Evidence
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.investigations import evidence_of
from streams.reader import ReadEvent, open_reader

__all__ = ["evidence"]


def evidence(
    investigation: Annotated[str, typer.Argument(help="The investigation's id.", show_default=False)] = "",
    step: Annotated[str, typer.Option(help="Only of this step: alarms, kpis, logs, changes, ...")] = "",
    follow: Annotated[
        bool, typer.Option("--follow", help="Print findings as they are made, until Ctrl-C.")
    ] = False,
    limit: Limit = 1_000,
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what an investigation found, each finding with the query that shows it again."""
    settings = load_settings(data, tenant)
    if follow:
        asyncio.run(_follow(settings, investigation, as_json))
        return
    if not investigation:
        raise InvalidRequestError("which investigation?", cure="Name it, or follow all with --follow.")
    rows = ask(settings, lambda clickhouse: _rows(clickhouse, settings.tenant, investigation, step, limit))
    if as_json:
        for one in rows:
            emit(one)
        return
    columns = ("id", "step", "service", "score", "what was seen")
    cells = [(one.event_id, one.step, one.service, _score(one), one.statement) for one in rows]
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
    async with open_reader(installation.kafka) as reader:
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


def _score(one: Evidence) -> str:
    return "" if one.score is None else f"{one.score:.1f}"
