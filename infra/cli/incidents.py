"""`tocsin incidents`: what happened, and what was found of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from infra.cli.console import emit, out, table, when
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir, Limit, TenantName
from infra.cli.remote.client import ask_api
from infra.cli.remote.here import ask_here
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, remote_of
from infra.cli.remote.reading import incidents_of
from infra.cli.tables import Since, since
from schemas.events import Incident, Report
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.incidents import list_incidents
from sinks.clickhouse.queries.reports import list_reports

__all__ = ["incidents"]


def incidents(
    service: Annotated[
        str, typer.Option("--service", "-s", help="Only those with alarms on this service.")
    ] = "",
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are not over.")] = False,
    window: Since = "7d",
    limit: Limit = 50,
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List incidents, newest first, with the verdict of their investigation."""
    settings = load_settings(data, tenant)
    endpoint = remote_of(settings, context, url, key, data, tenant)
    if endpoint is not None:
        found, verdicts = ask_api(
            endpoint,
            lambda api: incidents_of(
                api, since(window)[0], service=service, open_only=open_only, limit=limit
            ),
        )
        told = [{**one, "report": _told_brief(verdicts.get(one["incident_id"]))} for one in found]
        _print(told, [_told_row(one) for one in told], as_json)
        return
    scope = Scope(settings.tenant, *since(window))

    async def question(clickhouse: ClickHouse) -> tuple[tuple[Incident, ...], dict[str, Report]]:
        found = await list_incidents(clickhouse, scope, service=service, open_only=open_only, limit=limit)
        reports = await list_reports(clickhouse, scope, limit=limit * 10)
        return found.rows, {one.incident_id: one for one in reversed(reports.rows)}

    rows, reports = ask_here(settings, question)
    told = [{**one.model_dump(mode="json"), "report": _brief(reports.get(one.incident_id))} for one in rows]
    _print(told, [_row(one, reports.get(one.incident_id)) for one in rows], as_json)


def _print(told: list[dict[str, Any]], rows: list[tuple[object, ...]], as_json: bool) -> None:
    if as_json:
        for one in told:
            emit(one)
        return
    columns = ("opened", "state", "severity", "alarms", "title", "verdict", "investigation")
    out.print(table("Incidents", columns, rows))
    if not rows:
        out.print(
            "none in this time: `tocsin send alarm` raises one, `tocsin demo` shows many", highlight=False
        )


def _row(incident: Incident, found: Report | None) -> tuple[object, ...]:
    return (
        when(incident.opened_at),
        incident.transition.value,
        incident.severity.value,
        incident.alarm_count,
        incident.title,
        f"{found.verdict.value}: {found.headline}" if found else "",
        found.investigation_id if found else "",
    )


def _told_row(one: dict[str, Any]) -> tuple[object, ...]:
    found = one["report"]
    return (
        when(datetime.fromisoformat(one["opened_at"])),
        one["transition"],
        one["severity"],
        one["alarm_count"],
        one["title"],
        f"{found['verdict']}: {found['headline']}" if found else "",
        found["investigation_id"] if found else "",
    )


def _told_brief(found: dict[str, Any] | None) -> dict[str, object] | None:
    """An investigation tells its verdict to whoever may read; its causes are in the report."""
    return found and {name: found[name] for name in ("investigation_id", "verdict", "headline")}


def _brief(found: Report | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "investigation_id": found.investigation_id,
        "verdict": found.verdict.value,
        "headline": found.headline,
        "services": [cause.service for cause in found.causes],
    }
