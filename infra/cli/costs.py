"""`tocsin costs`: what investigations cost, in figures that add up."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.console import emit, nano_usd, out, table
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir, TenantName
from infra.cli.tables import Since, ask, since
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, CostGroup, costs_by

__all__ = ["costs"]


def costs(
    by: Annotated[CostDimension, typer.Option(help="What to group by.")] = CostDimension.MODEL,
    service: Annotated[str, typer.Option("--service", "-s", help="Only of alarms on this service.")] = "",
    alarm: Annotated[str, typer.Option(help="Only of alarms of this name.")] = "",
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    step: Annotated[str, typer.Option(help="Only of this step.")] = "",
    investigation: Annotated[str, typer.Option(help="Only of this investigation.")] = "",
    window: Since = "30d",
    sql: Annotated[bool, typer.Option("--sql", help="Print the query instead of its result.")] = False,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Of every tenant.")] = False,
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what investigations cost. An entry without a known price is counted apart, never as free."""
    settings = load_settings(data, tenant)
    everyone = all_tenants or (by is CostDimension.TENANT and tenant is None)
    scope = WideScope(None if everyone else (settings.tenant,), *since(window))
    only = CostFilter(service=service, alarm=alarm, model=model, step=step, investigation_id=investigation)
    found = ask(settings, lambda clickhouse: costs_by(clickhouse, by, scope, only))
    if sql:
        typer.echo(found.info.sql)
    elif as_json:
        emit({"by": by.value, "groups": [_json(one) for one in found.groups], "total": _json(found.total)})
    else:
        rows = [_row(one, one.key or "(none)") for one in found.groups]
        columns = (by.value, "entries", "unpriced", "cost", "tokens in", "cached", "tokens out", "rows read")
        out.print(table("Costs", columns, [*rows, _row(found.total, "total")]))


def _row(group: CostGroup, name: str) -> tuple[object, ...]:
    tokens = group.tokens
    return (
        name,
        group.entries,
        group.unpriced,
        nano_usd(group.cost_nano_usd) if group.cost_nano_usd is not None or group.unpriced else "",
        tokens["input_uncached"],
        tokens["cache_read"],
        tokens["output"],
        group.rows_read,
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
