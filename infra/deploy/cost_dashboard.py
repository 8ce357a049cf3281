"""The dashboard of costs: from the ledger in ClickHouse, and tokens as they are used."""

from __future__ import annotations

from typing import Final

from infra.deploy.grafana_model import Dashboard, Panel, Sql
from infra.deploy.promql import rate
from schemas.metrics import (
    LLM_ATTEMPTS,
    LLM_TOKENS,
    LLM_UNPRICED,
)

__all__ = ["COSTS"]

_OF_TENANT: Final = "$__timeFilter(occurred_at) AND tenant IN (${tenant:sqlstring})"


def _by(column: str, panel: str, says: str) -> Panel:
    """Money, entries and those without a known price, the dearest first."""
    sql = (
        f"SELECT {column}, sum(cost_nano_usd) / 1e9 AS usd, count() AS entries,"
        f" countIf(cost_nano_usd IS NULL) AS unpriced\nFROM v_costs\nWHERE {_OF_TENANT}\n"
        f"GROUP BY {column}\nORDER BY usd DESC NULLS LAST\nLIMIT 50"
    )
    return Panel(title=panel, says=says, kind="table", width=8, queries=(Sql(sql),))


def _sum(title: str, says: str, expression: str, unit: str) -> Panel:
    sql = f"SELECT {expression}\nFROM v_costs\nWHERE {_OF_TENANT}"
    return Panel(title=title, says=says, kind="stat", unit=unit, width=6, height=4, queries=(Sql(sql),))


COSTS: Final = Dashboard(
    uid="tocsin-costs",
    title="Tocsin: costs",
    says="What investigations cost, from the ledger in ClickHouse. An entry without a known price is counted apart, never as zero.",
    since="now-7d",
    tenant_sql="SELECT DISTINCT tenant FROM costs ORDER BY tenant",
    panels=(
        _sum("Cost", "Of all priced entries.", "sum(cost_nano_usd) / 1e9 AS usd", "currencyUSD"),
        _sum(
            "Entries without a price",
            "Not free: unknown.",
            "countIf(cost_nano_usd IS NULL) AS unpriced",
            "short",
        ),
        _sum(
            "Investigations",
            "With at least one entry.",
            "uniqExact(investigation_id) AS investigations",
            "short",
        ),
        _sum(
            "Cost per investigation",
            "Priced entries over investigations.",
            "sum(cost_nano_usd) / 1e9 / nullIf(uniqExact(investigation_id), 0) AS usd",
            "currencyUSD",
        ),
        Panel(
            title="Cost by day and kind",
            says="Model attempts, data queries, adjustments.",
            unit="currencyUSD",
            queries=(
                Sql(
                    "SELECT toStartOfDay(occurred_at) AS time, toString(kind) AS kind,"
                    " sum(cost_nano_usd) / 1e9 AS usd\n"
                    f"FROM v_costs\nWHERE {_OF_TENANT}\nGROUP BY time, kind\nORDER BY time",
                    over_time=True,
                ),
            ),
        ),
        Panel(
            title="Tokens by day",
            says="Disjoint kinds: they add up. Reasoning is part of no other.",
            queries=(
                Sql(
                    "SELECT toStartOfDay(occurred_at) AS time, sum(input_uncached) AS input,"
                    " sum(cache_read) AS cache_read, sum(cache_write) AS cache_write, sum(output) AS output,"
                    " sum(reasoning) AS reasoning\n"
                    f"FROM v_costs\nWHERE {_OF_TENANT}\nGROUP BY time\nORDER BY time",
                    over_time=True,
                ),
            ),
        ),
        _by("tenant", "By tenant", "Who pays."),
        _by("service", "By service", "The service the incident began at."),
        _by("alarm", "By alarm", "The alarm that opened the incident."),
        _by("model", "By model", "Empty where no model was asked."),
        _by("step", "By step", "Of the investigation."),
        _by("investigation_id", "By investigation", "`tocsin report ID` shows what was had for it."),
        Panel(
            title="Tokens by model, as it happens",
            says="From the metrics of the role investigate.",
            queries=(rate(LLM_TOKENS, "model, kind"),),
        ),
        Panel(
            title="Attempts by model and outcome",
            says="Every attempt costs, also one that was cut off.",
            unit="ops",
            queries=(rate(LLM_ATTEMPTS, "model, outcome"), rate(LLM_UNPRICED, "model")),
        ),
    ),
)
