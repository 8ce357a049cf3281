from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from infra.runtime.settings import Settings
from infra.runtime.telemetry import (
    PrometheusRecorder,
    configure_logging,
    serve_metrics,
)
from schemas import metrics
from schemas.metrics import Metric, MetricKind


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logging("info", json=True, role="test", stream=stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.basicConfig(force=True)


def test_a_line_carries_what_was_bound(log_lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(tenant="acme", incident="inc_1"):
        structlog.get_logger("x").info("incident.opened", alarms=3)
    logging.getLogger("library").warning("odd %s", "thing")
    ours, theirs = (json.loads(line) for line in log_lines.getvalue().splitlines())
    assert (ours["event"], ours["tenant"], ours["role"], ours["alarms"]) == (
        "incident.opened",
        "acme",
        "test",
        3,
    )
    assert (theirs["event"], theirs["level"]) == ("odd thing", "warning")


def test_a_traceback_is_one_line(log_lines: io.StringIO) -> None:
    structlog.get_logger("x").error("step.failed", exc_info=ValueError("boom"))
    (line,) = log_lines.getvalue().splitlines()
    assert json.loads(line)["exception"][0]["exc_value"] == "boom"


def test_every_metric_of_the_catalogue_is_served() -> None:
    recorder = PrometheusRecorder.create()
    for metric in metrics.CATALOGUE:
        _record(recorder, metric)
    with serve_metrics(recorder, 0) as port:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    served = {
        family.name for family in text_string_to_metric_families(text) if not family.name.endswith("_created")
    }
    assert served == {metric.name.removesuffix("_total") for metric in metrics.CATALOGUE}


def _record(recorder: PrometheusRecorder, metric: Metric) -> None:
    labels = dict.fromkeys(metric.labels, "x")
    match metric.kind:
        case MetricKind.COUNTER:
            recorder.count(metric, 2, **labels)
        case MetricKind.GAUGE:
            recorder.gauge(metric, 2, **labels)
        case MetricKind.HISTOGRAM:
            recorder.observe(metric, 2, **labels)


def test_values_are_kept_apart_by_label() -> None:
    recorder = PrometheusRecorder.create()
    recorder.count(metrics.ALARM_DECISIONS, decision="opened")
    recorder.count(metrics.ALARM_DECISIONS, 4, decision="cleared")
    value = recorder.registry.get_sample_value("tocsin_alarm_decisions_total", {"decision": "cleared"})
    assert value == 4


def test_settings_come_from_the_environment_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tocsin.toml").write_text(
        'tenant = "file"\n[kafka]\ntopic_prefix = "file."\n[land]\nbatch_rows = 7\n'
    )
    monkeypatch.setenv("TOCSIN_KAFKA__TOPIC_PREFIX", "env.")
    settings = Settings()
    assert (settings.tenant, settings.kafka.topic_prefix, settings.land.batch_rows) == ("file", "env.", 7)
    assert Settings(tenant="argument").tenant == "argument"
    assert settings.control_database == Path(".tocsin/control.sqlite")
    assert settings.checkpoint_database == Path(".tocsin/checkpoints.sqlite")


def test_a_misspelt_setting_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tocsin.toml").write_text("[kafka]\nbootstrap = 'x'\n")
    with pytest.raises(ValueError, match=r"kafka\.bootstrap"):
        Settings()
