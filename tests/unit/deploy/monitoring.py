"""Alert rules, recorded rules and dashboards as their tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from infra.deploy.dashboards import FOLDER

__all__ = ["DEPLOY", "PANELS", "RULES", "Expression", "expressions", "for_promtool", "sql_of_dashboards"]

DEPLOY: Final = Path(__file__).parents[3] / "infra" / "deploy"
RULES: Final[list[dict[str, Any]]] = [
    rule
    for path in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS: Final[list[dict[str, Any]]] = [
    panel
    for path in sorted(FOLDER.glob("*.json"))
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
]
_INTERVAL = re.compile(r"\$__rate_interval")


@dataclass(frozen=True, slots=True)
class Expression:
    """A PromQL expression and where it stands."""

    where: str
    promql: str


def expressions() -> Iterator[Expression]:
    for rule in RULES:
        yield Expression(rule.get("alert") or rule["record"], rule["expr"])
    for panel in PANELS:
        for target in panel["targets"]:
            if "expr" in target:
                yield Expression(panel["title"], target["expr"])


def for_promtool(promql: str) -> str:
    """Grafana's interval as Prometheus reads one."""
    return _INTERVAL.sub("5m", promql)


def sql_of_dashboards() -> Iterator[tuple[str, str]]:
    """Every ClickHouse query, with its panel's title."""
    for panel in PANELS:
        for target in panel["targets"]:
            if "rawSql" in target:
                yield panel["title"], target["rawSql"]
    for path in sorted(FOLDER.glob("*.json")):
        for variable in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]:
            yield f"variable {variable['name']}", variable["query"]
