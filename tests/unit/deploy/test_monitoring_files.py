from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.deploy import dashboards
from infra.deploy.grafana_model import CLICKHOUSE, PROMETHEUS, Dashboard, Panel, Prom, Sql, dashboard_json
from schemas.metrics import CATALOGUE, Metric, MetricKind
from tests.unit.deploy.compose_file import COMPOSE, ROLES, service
from tests.unit.deploy.monitoring import DEPLOY, PANELS, RULES, expressions

METRICS = {one.name: one for one in CATALOGUE}
SERIES = re.compile(r"(?<![\w:])(tocsin_\w+)(?:\{([^}]*)\})?")
RECORDED = re.compile(r"(?<![\w:])(tocsin:[\w:]+)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
FROM_PROMETHEUS = {"job", "role", "instance", "le", "alertname", "alertstate"}


def metric_of(series: str) -> Metric | None:
    """A histogram is asked by its buckets, its sum or its count; everything else by its own name."""
    if series in METRICS and METRICS[series].kind is not MetricKind.HISTOGRAM:
        return METRICS[series]
    base = re.sub(r"_(bucket|sum|count)$", "", series)
    found = METRICS.get(base)
    return found if found and found.kind is MetricKind.HISTOGRAM and base != series else None


def read(*parts: str) -> Any:
    return yaml.safe_load((DEPLOY.joinpath(*parts)).read_text(encoding="utf-8"))


@pytest.mark.parametrize("one", list(expressions()), ids=lambda one: one.where)
def test_every_metric_asked_for_exists_with_its_labels(one: Any) -> None:
    for series, matchers in SERIES.findall(one.promql):
        metric = metric_of(series)
        assert metric is not None, f"{series} is not in the catalogue"
        assert set(LABEL.findall(matchers)) <= {*metric.labels, *FROM_PROMETHEUS}


@pytest.mark.parametrize("one", list(expressions()), ids=lambda one: one.where)
def test_every_label_grouped_by_exists(one: Any) -> None:
    asked = [metric_of(series) for series, _ in SERIES.findall(one.promql)]
    known = {label for metric in asked if metric for label in metric.labels} | FROM_PROMETHEUS
    known |= {label for name, _ in RECORDED.findall(one.promql) for label in recorded_labels(name)}
    for labels in GROUPED.findall(one.promql):
        assert {label.strip() for label in labels.split(",") if label.strip()} <= known


def recorded_labels(name: str) -> set[str]:
    (expr,) = [rule["expr"] for rule in RULES if rule.get("record") == name]
    return {label.strip() for labels in GROUPED.findall(expr) for label in labels.split(",")} - {"le"}


def test_every_recorded_series_asked_for_is_recorded() -> None:
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    asked = {name for one in expressions() for name, _ in RECORDED.findall(one.promql)}
    assert asked <= recorded
    assert len(recorded) == len([rule for rule in RULES if "record" in rule])


def test_every_metric_of_the_pipeline_is_shown_or_watched() -> None:
    asked = {
        metric.name
        for one in expressions()
        for series, _ in SERIES.findall(one.promql)
        if (metric := metric_of(series))
    }
    left_out = {name for name in METRICS if name not in asked and not name.startswith("tocsin_api_")}
    assert left_out == set()


@pytest.mark.parametrize("rule", [one for one in RULES if "alert" in one], ids=lambda one: one["alert"])
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "major", "minor", "warning"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert all(text and len(text) < 140 for text in rule["annotations"].values())


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES if "alert" in rule]
    assert len(names) == len(set(names))
    assert all(name.startswith("Tocsin") for name in names)


def test_what_issue_and_operations_ask_for_is_watched() -> None:
    names = {rule["alert"] for rule in RULES if "alert" in rule}
    assert names >= {
        *("TocsinTablesFallBehind", "TocsinInvestigationsWait", "TocsinDeadLetters", "TocsinStalled"),
        *("TocsinModelUnpriced", "TocsinInvestigationsFail", "TocsinOverLimit", "TocsinDayDear"),
    }


def test_alertmanager_silences_only_alerts_that_exist() -> None:
    names = {rule["alert"] for rule in RULES if "alert" in rule}
    config = read("alertmanager", "alertmanager.yml")
    for rule in config["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            _, _, values = matcher.partition("=~")
            assert set(values.strip('"').split("|")) <= names
    assert config["route"]["receiver"] in {one["name"] for one in config["receivers"]}


def test_prometheus_asks_services_that_exist() -> None:
    config = read("prometheus", "prometheus.yml")
    hosts = {
        name
        for job in config["scrape_configs"]
        for one in job.get("dns_sd_configs", [])
        for name in one["names"]
    }
    assert hosts == set(ROLES)
    targets = [
        target
        for job in [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]
        for one in job.get("static_configs", [])
        for target in one["targets"]
    ]
    assert {target.partition(":")[0] for target in targets} - {"localhost"} == {"alertmanager"}


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_the_port_listened_on_is_the_port_published_and_asked(name: str) -> None:
    one = service(name)
    (listen,) = [flag for flag in one["command"] if flag.startswith("--web.listen-address=")]
    port = listen.rpartition(":")[2]
    assert one["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f":{port}/" in one["healthcheck"]["test"][-1]


def test_the_files_of_the_dashboards_are_as_generated() -> None:
    for name, text in dashboards.texts().items():
        assert (dashboards.FOLDER / name).read_text(encoding="utf-8") == text, (
            "python -m infra.deploy.dashboards"
        )
    assert {path.name for path in dashboards.FOLDER.iterdir()} == set(dashboards.DASHBOARDS)


def test_the_generator_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboards, "FOLDER", tmp_path / "made")
    dashboards.main()
    assert {path.name for path in (tmp_path / "made").iterdir()} == set(dashboards.DASHBOARDS)


@pytest.mark.parametrize("name", sorted(dashboards.DASHBOARDS))
def test_panels_do_not_overlap_and_fit_the_page(name: str) -> None:
    panels: list[dict[str, Any]] = json.loads(dashboards.texts()[name])["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["description"]
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


def test_a_panel_that_does_not_fit_begins_a_row() -> None:
    def panel(width: int, height: int) -> Panel:
        return Panel(title="t", says="s", queries=(Prom("up"), Sql("SELECT 1")), width=width, height=height)

    made: Any = dashboard_json(
        Dashboard(uid="u", title="t", says="s", panels=(panel(20, 4), panel(4, 6), panel(8, 3)))
    )
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in made["panels"]]
    assert places == [(0, 0), (20, 0), (0, 6)]
    assert [target["refId"] for target in made["panels"][0]["targets"]] == ["A", "B"]
    assert [target["datasource"] for target in made["panels"][0]["targets"]] == [PROMETHEUS, CLICKHOUSE]
    assert made["templating"] == {"list": []}


def test_dashboards_ask_the_datasources_that_are_provisioned() -> None:
    provisioned = {
        (one["type"], one["uid"])
        for one in read("grafana", "provisioning", "datasources", "tocsin.yml")["datasources"]
    }
    asked = {(t["datasource"]["type"], t["datasource"]["uid"]) for panel in PANELS for t in panel["targets"]}
    assert asked == provisioned


def test_grafana_finds_its_files_servers_and_secrets() -> None:
    mounts = dict(volume.split(":")[:2] for volume in service("grafana")["volumes"])
    (provider,) = read("grafana", "provisioning", "dashboards", "tocsin.yml")["providers"]
    assert provider["options"]["path"] == mounts["./infra/deploy/grafana/dashboards"]
    home = service("grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent.as_posix() == provider["options"]["path"]
    assert Path(home).name in dashboards.DASHBOARDS
    by_uid = {
        one["uid"]: one for one in read("grafana", "provisioning", "datasources", "tocsin.yml")["datasources"]
    }
    assert by_uid["prometheus"]["url"] == "http://prometheus:9090"
    clickhouse = by_uid["clickhouse"]
    assert clickhouse["jsonData"]["host"] in COMPOSE["services"]
    assert clickhouse["type"] in service("grafana")["environment"]["GF_PLUGINS_PREINSTALL"]
    secret = clickhouse["secureJsonData"]["password"]
    assert secret == "$__file{/run/secrets/clickhouse_reader_password}"
    assert "clickhouse_reader_password" in service("grafana")["secrets"]
