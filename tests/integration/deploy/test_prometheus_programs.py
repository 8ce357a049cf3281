"""Debian's Prometheus and Alertmanager read the files that the compose file mounts."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest

from infra.local.ports import PortBook
from infra.runtime.telemetry import PrometheusRecorder
from schemas.metrics import CATALOGUE, MetricKind
from tests.unit.deploy.compose_file import service
from tests.unit.deploy.monitoring import DEPLOY, expressions, for_promtool

PROGRAMS = ("promtool", "amtool", "prometheus", "prometheus-alertmanager")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {', '.join(MISSING)}: apt install prometheus prometheus-alertmanager"
    ),
]
HERE = Path(__file__).parent
READY_S = 60


def run(*command: str | Path, given: bytes = b"") -> str:
    done = subprocess.run([*map(str, command)], input=given, capture_output=True, check=False, timeout=120)
    output = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, output
    return output


def test_promtool_reads_the_configuration_and_its_rules() -> None:
    output = run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert "2 rule files found" in output


def test_amtool_reads_the_configuration() -> None:
    output = run("amtool", "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")
    assert "1 inhibit rules" in output


def test_alerts_fire_when_they_should_and_not_before() -> None:
    assert "SUCCESS" in run("promtool", "test", "rules", HERE / "alerts.test.yml")


def test_every_alert_is_in_those_tests() -> None:
    tested = set(
        re.findall(r"alertname: (Tocsin\w+)", (HERE / "alerts.test.yml").read_text(encoding="utf-8"))
    )
    rules = (DEPLOY / "prometheus" / "rules" / "alerts.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"alert: (Tocsin\w+)", rules)) == tested


def test_promtool_parses_every_query_of_the_dashboards(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:query:{number}", "expr": for_promtool(one.promql)}
        for number, one in enumerate(expressions())
    ]
    path = tmp_path / "dashboards.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", path)


def test_promtool_finds_no_fault_with_the_metrics_of_a_role() -> None:
    recorder = PrometheusRecorder.create()
    for metric in CATALOGUE:
        labels = dict.fromkeys(metric.labels, "x")
        match metric.kind:
            case MetricKind.COUNTER:
                recorder.count(metric, 1, **labels)
            case MetricKind.GAUGE:
                recorder.gauge(metric, 1, **labels)
            case MetricKind.HISTOGRAM:
                recorder.observe(metric, 1, **labels)
    run("promtool", "check", "metrics", given=generate_latest(recorder.registry))


def flags(name: str, replaced: Mapping[str, str]) -> list[str]:
    """The command of the compose file; what names a folder or port of the container names one of this test."""
    given = [flag.split("=", 1) for flag in service(name)["command"]]
    assert set(replaced) <= {flag for flag, _ in given}
    return [f"{flag}={replaced.get(flag, value)}" for flag, value in given]


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer:\n{log.read_text(encoding='utf-8')[-2000:]}")


def test_prometheus_starts_as_the_compose_file_starts_it(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    replaced = {
        "--config.file": str(DEPLOY / "prometheus" / "prometheus.yml"),
        "--storage.tsdb.path": str(tmp_path / "data"),
        "--web.listen-address": f"127.0.0.1:{port}",
    }
    log = tmp_path / "prometheus.log"
    with running(["prometheus", *flags("prometheus", replaced)], log):
        wait_ready(f"http://127.0.0.1:{port}/-/ready", log)
        groups = httpx.get(f"http://127.0.0.1:{port}/api/v1/rules", timeout=5).json()["data"]["groups"]
    names = {group["name"] for group in groups}
    assert names == {
        "tocsin-recorded",
        "tocsin-roles",
        "tocsin-flow",
        "tocsin-investigations",
        "tocsin-costs",
    }


def test_alertmanager_starts_as_the_compose_file_starts_it(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    replaced = {
        "--config.file": str(DEPLOY / "alertmanager" / "alertmanager.yml"),
        "--storage.path": str(tmp_path / "data"),
        "--web.listen-address": f"127.0.0.1:{port}",
    }
    log = tmp_path / "alertmanager.log"
    with running(["prometheus-alertmanager", *flags("alertmanager", replaced)], log):
        wait_ready(f"http://127.0.0.1:{port}/-/ready", log)
