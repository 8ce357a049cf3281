"""As much of Grafana's dashboard model as our dashboards need: panels over PromQL or ClickHouse SQL, laid out in rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["CLICKHOUSE", "PROMETHEUS", "Dashboard", "Panel", "Prom", "Sql", "dashboard_json"]

Node = Mapping[str, object]

PROMETHEUS: Final[Node] = {"type": "prometheus", "uid": "prometheus"}
CLICKHOUSE: Final[Node] = {"type": "grafana-clickhouse-datasource", "uid": "clickhouse"}
_COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Prom:
    """A PromQL query; `legend` is Grafana's format of a series' name."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Sql:
    """A ClickHouse query, with the macros of Grafana's ClickHouse plugin."""

    sql: str
    over_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `unit` is Grafana's name of it, `width` in columns of 24, `says` the text behind its (i)."""

    title: str
    says: str
    queries: Sequence[Prom | Sql]
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One page. With `tenant_sql` it has a variable `$tenant`, which that query fills."""

    uid: str
    title: str
    says: str
    panels: Sequence[Panel]
    since: str = "now-6h"
    tenant_sql: str = ""


def dashboard_json(dashboard: Dashboard) -> Node:
    """Return what Grafana reads from a provisioned file."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.says,
        "tags": ["tocsin"],
        "schemaVersion": 41,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": dashboard.since, "to": "now"},
        "timezone": "utc",
        "templating": {"list": [_tenant(dashboard.tenant_sql)] if dashboard.tenant_sql else []},
        "panels": list(_placed(dashboard.panels)),
    }


def _placed(panels: Sequence[Panel]) -> Iterator[Node]:
    """From left to right, a new row where the next does not fit."""
    x = y = row = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > _COLUMNS:
            x, y, row = 0, y + row, 0
        yield _panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": panel.height})
        x, row = x + panel.width, max(row, panel.height)


def _panel(number: int, panel: Panel, place: Node) -> Node:
    targets = [_target(chr(ord("A") + at), query) for at, query in enumerate(panel.queries)]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "gridPos": place,
        "datasource": targets[0]["datasource"],
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    }


def _target(name: str, query: Prom | Sql) -> Node:
    match query:
        case Prom(expr, legend):
            return {"refId": name, "datasource": PROMETHEUS, "expr": expr, "legendFormat": legend or "__auto"}
        case Sql(sql, over_time):
            shape = ("timeseries", 0) if over_time else ("table", 1)
            made = {"editorType": "sql", "queryType": shape[0], "format": shape[1]}
            return {"refId": name, "datasource": CLICKHOUSE, **made, "rawSql": sql}


def _tenant(sql: str) -> Node:
    return {
        "name": "tenant",
        "label": "Tenant",
        "type": "query",
        "datasource": CLICKHOUSE,
        "query": sql,
        "refresh": 1,
        "multi": True,
        "includeAll": True,
        "current": {"text": "All", "value": "$__all"},
    }
