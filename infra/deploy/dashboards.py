"""The dashboards, from the metrics catalogue and the tables: `python -m infra.deploy.dashboards` writes their files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.deploy.cost_dashboard import COSTS
from infra.deploy.grafana_model import Dashboard, Panel, Prom, dashboard_json
from infra.deploy.promql import quantile, rate, total
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
    MESSAGES,
    OPEN_INCIDENTS,
    QUERY_SECONDS,
    STAGE_SECONDS,
    STEP_SECONDS,
    TRIGGER_DECISIONS,
)

__all__ = ["DASHBOARDS", "FOLDER", "main", "texts"]

FOLDER: Final = Path(__file__).parent / "grafana" / "dashboards"


def _stat(title: str, says: str, query: Prom) -> Panel:
    """One figure, six of them in a row."""
    return Panel(title=title, says=says, kind="stat", width=4, height=4, queries=(query,))


_OVERVIEW: Final = Dashboard(
    uid="tocsin-overview",
    title="Tocsin: overview",
    says="Is anything burning, and does Tocsin keep up with it?",
    panels=(
        _stat("Open incidents", "In all workers' partitions.", total(OPEN_INCIDENTS)),
        _stat("Investigations running", "Working or waiting for data.", total(ACTIVE_INVESTIGATIONS)),
        _stat(
            "Messages waiting",
            "Produced and not yet handled, over all stages that count it.",
            total(CONSUMER_LAG),
        ),
        _stat(
            "Dead letters, 24 h",
            "Messages that could not be handled: `tocsin dlq list`.",
            Prom(f"sum(increase({DEAD_LETTERS.name}[24h])) or vector(0)"),
        ),
        _stat(
            "Alerts firing",
            "Of Tocsin about itself.",
            Prom('count(ALERTS{alertstate="firing", alertname=~"Tocsin.*"}) or vector(0)'),
        ),
        _stat("Roles up", "Processes that answer the scrape.", Prom('sum(up{job="tocsin"})')),
        Panel(
            title="Alarms by decision",
            says="Every alarm event has exactly one decision.",
            unit="ops",
            queries=(rate(ALARM_DECISIONS, "decision"),),
        ),
        Panel(
            title="Incidents by transition",
            says="Opened, grew, merged, cleared, closed.",
            unit="ops",
            queries=(rate(INCIDENT_TRANSITIONS, "transition"),),
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
            queries=(quantile(INVESTIGATION_SECONDS, 0.5), quantile(INVESTIGATION_SECONDS, 0.95)),
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
            queries=(rate(TRIGGER_DECISIONS, "action"),),
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
            queries=(rate(MESSAGES, "stage, outcome"),),
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
            queries=(quantile(STAGE_SECONDS, 0.99, "stage"),),
        ),
        Panel(
            title="Messages in one batch, p50",
            says="Small batches under lag mean that fetching is the limit.",
            queries=(quantile(BATCH_ROWS, 0.5, "stage"),),
        ),
        Panel(
            title="Dead letters by stage and reason",
            says="The reason names the sender's mistake.",
            unit="ops",
            queries=(rate(DEAD_LETTERS, "stage, reason"),),
        ),
        Panel(
            title="Rows landed by table",
            says="In ClickHouse, per second.",
            unit="rowsps",
            queries=(rate(LANDED_ROWS, "table"),),
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
            queries=(quantile(STEP_SECONDS, 0.95, "step"),),
        ),
        Panel(
            title="ClickHouse queries, p95",
            says="As the caller waits for them.",
            unit="s",
            queries=(quantile(QUERY_SECONDS, 0.95, "query"),),
        ),
    ),
)

DASHBOARDS: Final[Mapping[str, Dashboard]] = {
    "overview.json": _OVERVIEW,
    "pipeline.json": _PIPELINE,
    "costs.json": COSTS,
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
