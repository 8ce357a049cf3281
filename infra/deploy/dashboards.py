"""The dashboards, from the metrics catalogue and the tables: `python -m infra.deploy.dashboards` writes their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.deploy.grafana_model import Dashboard, Panel, Prom, Sql, dashboard_json
from schemas.metrics import (
    ACTIVE_INVESTIGATIONS,
    ALARM_DECISIONS,
    BATCH_ROWS,
    CONSUMER_LAG,
    DEAD_LETTERS,
    DETECTED_ALARMS,
    DETECTOR_SERIES,
    INCIDENT_TRANSITIONS,
    INVESTIGATION_SECONDS,
    INVESTIGATIONS,
    KPI_SAMPLES,
    LANDED_ROWS,
    LLM_ATTEMPTS,
    LLM_TOKENS,
    LLM_UNPRICED,
    MESSAGES,
    OPEN_INCIDENTS,
    QUERY_SECONDS,
    STAGE_SECONDS,
    STEP_SECONDS,
    TRIGGER_DECISIONS,
    Metric,
)

__all__ = ["DASHBOARDS", "FOLDER", "main", "texts"]

FOLDER: Final = Path(__file__).parent / "grafana" / "dashboards"


def _rate(metric: Metric, by: str, where: str = "") -> Prom:
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    return Prom(f"sum by ({by}) (rate({metric.name}{where}[$__rate_interval]))", legend)


def _total(metric: Metric) -> Prom:
    return Prom(f"sum({metric.name})")


def _quantile(metric: Metric, share: float, by: str = "") -> Prom:
    labels = f"{by}, le" if by else "le"
    series = f"sum by ({labels}) (rate({metric.name}_bucket[$__rate_interval]))"
    name = f"p{share * 100:g}"
    return Prom(f"histogram_quantile({share:g}, {series})", f"{{{{{by}}}}} {name}" if by else name)


_OVERVIEW: Final = Dashboard(
    uid="tocsin-overview",
    title="Tocsin: overview",
    says="Is anything burning, and does Tocsin keep up with it?",
    panels=(
        Panel(
            title="Open incidents",
            says="In all workers' partitions.",
            kind="stat",
            width=4,
            height=4,
            queries=(_total(OPEN_INCIDENTS),),
        ),
        Panel(
            title="Investigations running",
            says="Working or waiting for data.",
            kind="stat",
            width=4,
            height=4,
            queries=(_total(ACTIVE_INVESTIGATIONS),),
        ),
        Panel(
            title="Messages waiting",
            says="Produced and not yet handled, over all stages that count it.",
            kind="stat",
            width=4,
            height=4,
            queries=(_total(CONSUMER_LAG),),
        ),
        Panel(
            title="Dead letters, 24 h",
            says="Messages that could not be handled: `tocsin dlq list`.",
            kind="stat",
            width=4,
            height=4,
            queries=(Prom(f"sum(increase({DEAD_LETTERS.name}[24h])) or vector(0)"),),
        ),
        Panel(
            title="Alerts firing",
            says="Of Tocsin about itself.",
            kind="stat",
            width=4,
            height=4,
            queries=(Prom('count(ALERTS{alertstate="firing", alertname=~"Tocsin.*"}) or vector(0)'),),
        ),
        Panel(
            title="Roles up",
            says="Processes that answer the scrape.",
            kind="stat",
            width=4,
            height=4,
            queries=(Prom('sum(up{job="tocsin"})'),),
        ),
        Panel(
            title="Alarms by decision",
            says="Every alarm event has exactly one decision.",
            unit="ops",
            queries=(_rate(ALARM_DECISIONS, "decision"),),
        ),
        Panel(
            title="Incidents by transition",
            says="Opened, grew, merged, cleared, closed.",
            unit="ops",
            queries=(_rate(INCIDENT_TRANSITIONS, "transition"),),
        ),
        Panel(
            title="Investigations by verdict, 30 min",
            says="How they ended.",
            queries=(Prom(f"sum by (verdict) (increase({INVESTIGATIONS.name}[30m]))", "{{verdict}}"),),
        ),
        Panel(
            title="From request to report",
            says="The histogram's last bound is 300 s.",
            unit="s",
            queries=(_quantile(INVESTIGATION_SECONDS, 0.5), _quantile(INVESTIGATION_SECONDS, 0.95)),
        ),
        Panel(
            title="Lag by stage",
            says="Messages produced and not yet handled.",
            queries=(Prom(f"sum by (stage) ({CONSUMER_LAG.name})", "{{stage}}"),),
        ),
        Panel(
            title="What the policies decided",
            says="About incidents: investigate, attach, ignore, defer.",
            unit="ops",
            queries=(_rate(TRIGGER_DECISIONS, "action"),),
        ),
    ),
)

_PIPELINE: Final = Dashboard(
    uid="tocsin-pipeline",
    title="Tocsin: pipeline",
    says="Every stage from the broker to the tables: how much, how fast, what failed.",
    panels=(
        Panel(
            title="Messages by stage and outcome",
            says="`retried` means that something a stage needs is away.",
            unit="ops",
            queries=(_rate(MESSAGES, "stage, outcome"),),
        ),
        Panel(
            title="Lag by stage and topic",
            says="Messages produced and not yet handled.",
            queries=(Prom(f"sum by (stage, topic) ({CONSUMER_LAG.name})", "{{stage}} {{topic}}"),),
        ),
        Panel(
            title="Time of one batch or job, p99",
            says="By stage.",
            unit="s",
            queries=(_quantile(STAGE_SECONDS, 0.99, "stage"),),
        ),
        Panel(
            title="Messages in one batch, p50",
            says="Small batches under lag mean that fetching is the limit.",
            queries=(_quantile(BATCH_ROWS, 0.5, "stage"),),
        ),
        Panel(
            title="Dead letters by stage and reason",
            says="The reason names the sender's mistake.",
            unit="ops",
            queries=(_rate(DEAD_LETTERS, "stage, reason"),),
        ),
        Panel(
            title="Rows landed by table",
            says="In ClickHouse, per second.",
            unit="rowsps",
            queries=(_rate(LANDED_ROWS, "table"),),
        ),
        Panel(
            title="KPI samples seen by detection",
            says="Per second.",
            unit="ops",
            queries=(Prom(f"sum(rate({KPI_SAMPLES.name}[$__rate_interval]))", "samples"),),
        ),
        Panel(
            title="Series with state, and alarms detected",
            says="Series are bounded by TOCSIN_DETECT__MAX_SERIES in each worker.",
            queries=(
                Prom(f"sum({DETECTOR_SERIES.name})", "series"),
                Prom(f"sum by (detector) (increase({DETECTED_ALARMS.name}[30m]))", "{{detector}}, 30 min"),
            ),
        ),
        Panel(
            title="Steps of an investigation, p95",
            says="Which step takes the time.",
            unit="s",
            queries=(_quantile(STEP_SECONDS, 0.95, "step"),),
        ),
        Panel(
            title="ClickHouse queries, p95",
            says="As the caller waits for them.",
            unit="s",
            queries=(_quantile(QUERY_SECONDS, 0.95, "query"),),
        ),
    ),
)

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


_COSTS: Final = Dashboard(
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
            queries=(_rate(LLM_TOKENS, "model, kind"),),
        ),
        Panel(
            title="Attempts by model and outcome",
            says="Every attempt costs, also one that was cut off.",
            unit="ops",
            queries=(_rate(LLM_ATTEMPTS, "model, outcome"), _rate(LLM_UNPRICED, "model")),
        ),
    ),
)

DASHBOARDS: Final[Mapping[str, Dashboard]] = {
    "overview.json": _OVERVIEW,
    "pipeline.json": _PIPELINE,
    "costs.json": _COSTS,
}


def texts() -> Mapping[str, str]:
    """Return each file's text by its name."""
    return {name: json.dumps(dashboard_json(one), indent=2) + "\n" for name, one in DASHBOARDS.items()}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
