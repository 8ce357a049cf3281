"""Service-graph metrics as calls: what collectors write, by the minute."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from agents.analysis.calls import learned_topology
from infra.cli.compose.service_graphs import EDGE_METRICS, calls_of
from sinks.clickhouse.queries.windows import KpiSeries

AT = 1_700_000_040  # a full minute
GRAPH = "traces_service_graph_request"
EDGE = {"client": "web", "server": "cart", "connection_type": ""}


def series(
    metric: str,
    values: Sequence[float],
    *,
    unit: str = "",
    step_s: int = 60,
    labels: Mapping[str, str] = EDGE,
    **more: str,
) -> KpiSeries:
    times = np.array([(AT + step_s * place) * 1000 for place in range(len(values))], dtype=np.int64)
    return KpiSeries(
        "cart", f"{GRAPH}_{metric}", {**labels, **more}, unit, times, np.array(values, np.float64)
    )


def test_a_rate_is_so_many_calls_a_minute() -> None:
    first, second = calls_of([series("total", [2.0, 3.0]), series("failed_total", [0.0, 0.5])])
    assert (first.time, first.service, first.caller, first.operation) == (AT, "cart", "web", "")
    assert (first.count, first.failed) == (120.0, 0.0)
    assert (second.time, second.count, second.failed) == (AT + 60, 180.0, 30.0)
    assert math.isnan(first.p50_ms)


def test_several_samples_of_a_minute_are_their_mean() -> None:
    (one,) = calls_of([series("total", [1.0, 2.0, 3.0, 2.0], step_s=15)])
    assert one.count == 120.0


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("server_seconds", "s", (40.0, 200.0)),
        ("server_seconds", "", (40.0, 200.0)),
        ("server", "s", (40.0, 200.0)),
        ("server", "ms", (0.04, 0.2)),
    ],
)
def test_what_the_collector_sends_by_otlp(name: str, unit: str, expected: tuple[float, float]) -> None:
    told = [
        series("total", [1.0]),
        series(f"{name}.mean", [0.04], unit=unit),
        series(f"{name}.p95", [0.2], unit=unit),
    ]
    (one,) = calls_of(told)
    assert (one.p50_ms, one.p95_ms) == pytest.approx(expected)


def test_what_prometheus_writes_of_a_histogram() -> None:
    buckets = {"0.1": 5.0, "0.2": 9.0, "0.4": 10.0, "+Inf": 10.0}
    told = [series("server_seconds_bucket", [rate], le=le) for le, rate in buckets.items()]
    (one,) = calls_of([series("total", [10.0]), *told])
    assert (one.p50_ms, one.p95_ms) == pytest.approx((100.0, 300.0))


def test_without_buckets_the_mean_stands_for_both() -> None:
    told = [series("server_seconds_sum", [3.0]), series("server_seconds_count", [10.0])]
    (one,) = calls_of(told)
    assert (one.count, one.p50_ms, one.p95_ms) == pytest.approx((600.0, 300.0, 300.0))


@pytest.mark.parametrize("nobody", ["user", "unknown", ""])
def test_who_sends_no_spans_is_no_caller(nobody: str) -> None:
    (one,) = calls_of([series("total", [1.0], labels={"client": nobody, "server": "web"})])
    assert (one.caller, one.service) == ("", "web")
    assert learned_topology([one]).calls == {}


@pytest.mark.parametrize("labels", [{}, {"client": "web"}, {"client": "web", "server": "unknown"}])
def test_what_names_nobody_called_is_no_call(labels: dict[str, str]) -> None:
    assert calls_of([series("total", [1.0], labels=labels)]) == ()


def test_who_calls_whom_is_learned() -> None:
    edges = [("web", "cart"), ("web", "catalog"), ("cart", "db")]
    told = [series("total", [1.0], labels={"client": a, "server": b}) for a, b in edges]
    assert learned_topology(calls_of(told)).calls == {
        "web": frozenset({"cart", "catalog"}),
        "cart": frozenset({"db"}),
    }


def test_missing_samples_and_silent_edges_are_no_calls() -> None:
    assert calls_of([series("total", [math.nan, 0.0])]) == ()
    assert calls_of([]) == ()


def test_more_failures_than_calls_are_all_calls() -> None:
    (one,) = calls_of([series("total", [1.0]), series("failed_total", [2.0])])
    assert one.failed == one.count == 60.0


def test_all_its_names_are_asked_for() -> None:
    assert {f"{GRAPH}_total", f"{GRAPH}_failed_total"} <= set(EDGE_METRICS)
    assert len(set(EDGE_METRICS)) == len(EDGE_METRICS)
    assert all(name.startswith(GRAPH) for name in EDGE_METRICS)
