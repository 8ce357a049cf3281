"""`tocsin costs`: what investigations cost, in figures that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from infra.cli.console import emit, nano_usd, out, table
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir, TenantName
from infra.cli.remote.client import ask_api
from infra.cli.remote.completion import investigation_ids
from infra.cli.remote.here import ask_here
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, remote_of
from infra.cli.remote.reading import costs_of
from infra.cli.tables import Since, since
from schemas.errors import InvalidRequestError
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, CostGroup, costs_by

__all__ = ["costs"]


def costs(
    by: Annotated[CostDimension, typer.Option(help="What to group by.")] = CostDimension.MODEL,
    service: Annotated[str, typer.Option("--service", "-s", help="Only of alarms on this service.")] = "",
    alarm: Annotated[str, typer.Option(help="Only of alarms of this name.")] = "",
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    step: Annotated[str, typer.Option(help="Only of this step.")] = "",
    investigation: Annotated[
        str, typer.Option(help="Only of this investigation.", autocompletion=investigation_ids)
    ] = "",
    window: Since = "30d",
    sql: Annotated[bool, typer.Option("--sql", help="Print the query instead of its result.")] = False,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of every tenant.")] = False,
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what investigations cost. An entry without a known price is counted apart, never as free."""
    settings = load_settings(data, tenant)
    only = CostFilter(service=service, alarm=alarm, model=model, step=step, investigation_id=investigation)
    endpoint = remote_of(settings, context, url, key, data, tenant)
    if endpoint is not None:
        if all_tenants:
            raise InvalidRequestError(
                "over HTTP there is one tenant, that of the key", cure="Ask for all where Tocsin runs."
            )
        named = {name: value for name, value in asdict(only).items() if value}
        told = ask_api(endpoint, lambda api: costs_of(api, by.value, since(window)[0], named))
        _print(told, sql=sql, as_json=as_json)
        return
    everyone = all_tenants or (by is CostDimension.TENANT and tenant is None)
    scope = WideScope(None if everyone else (settings.tenant,), *since(window))
    found = ask_here(settings, lambda clickhouse: costs_by(clickhouse, by, scope, only))
    told = {"by": by.value, "groups": [_json(one) for one in found.groups], "total": _json(found.total)}
    _print({**told, "sql": found.info.sql}, sql=sql, as_json=as_json)


def _print(told: Mapping[str, Any], *, sql: bool, as_json: bool) -> None:
    if sql:
        typer.echo(told["sql"])
    elif as_json:
        emit({name: told[name] for name in ("by", "groups", "total")})
    else:
        rows = [_row(one, one["key"] or "(none)") for one in told["groups"]]
        columns = (
            told["by"],
            "entries",
            "unpriced",
            "cost",
            "tokens in",
            "cached",
            "tokens out",
            "rows read",
        )
        out.print(table("Costs", columns, [*rows, _row(told["total"], "total")]))


def _row(group: Mapping[str, Any], name: str) -> tuple[object, ...]:
    tokens, cost = group["tokens"], group["cost_nano_usd"]
    return (
        name,
        group["entries"],
        group["unpriced"],
        nano_usd(cost) if cost is not None or group["unpriced"] else "",
        tokens.get("input_uncached"),
        tokens.get("cache_read"),
        tokens.get("output"),
        group["rows_read"],
    )


def _json(group: CostGroup) -> dict[str, object]:
    return {
        "key": group.key,
        "entries": group.entries,
        "unpriced": group.unpriced,
        "cost_nano_usd": group.cost_nano_usd,
        "tokens": dict(group.tokens),
        "rows_read": group.rows_read,
        "duration_ms": group.duration_ms,
    }
