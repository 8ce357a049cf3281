"""Calls between services from service-graph metrics, which the OpenTelemetry Collector and Grafana Tempo make of spans.

`traces_service_graph_request_total`, `..._failed_total` and `..._server_seconds` with the labels `client`, `server` and
`connection_type`: the collector's `servicegraph` connector, Tempo's metrics-generator, Alloy and Beyla write them alike.
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/connector/servicegraphconnector
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from agents.analysis.signals import CallStats
from api.intake.histograms import quantile
from sinks.clickhouse.queries.windows import KpiSeries

__all__ = ["EDGE_METRICS", "INTERVAL_S", "calls_of"]

INTERVAL_S: Final = 60.0
"""Calls are counted by the minute: collectors and scrapes seldom tell them more often than twice in one."""

_TOTAL: Final = "traces_service_graph_request_total"
_FAILED: Final = "traces_service_graph_request_failed_total"
# With the unit in the name as Prometheus wants it, or without as OTLP has it.
_LATENCIES: Final = ("traces_service_graph_request_server_seconds", "traces_service_graph_request_server")
_MEANS: Final = frozenset(f"{name}.mean" for name in _LATENCIES)
_HIGHS: Final = frozenset(f"{name}.p95" for name in _LATENCIES)
_SUM, _COUNT, _BUCKET = (f"{_LATENCIES[0]}_{part}" for part in ("sum", "count", "bucket"))
EDGE_METRICS: Final = (_TOTAL, _FAILED, *sorted(_MEANS), *sorted(_HIGHS), _SUM, _COUNT, _BUCKET)
"""The names that `calls_of` reads."""

# How both write the end of a call from somewhere that sends no spans.
_NOBODY: Final = frozenset({"user", "unknown", "virtual_node"})
_Edge = tuple[str, str, str]


@dataclass(slots=True)
class _Minute:
    """Values of one edge in one minute, by what they measure; buckets by their upper bound."""

    values: dict[str, list[float]] = field(default_factory=dict)
    buckets: dict[float, list[float]] = field(default_factory=dict)

    def mean(self, *metrics: str) -> float | None:
        found = [value for metric in metrics for value in self.values.get(metric, ())]
        return sum(found) / len(found) if found else None


def calls_of(series: Iterable[KpiSeries]) -> tuple[CallStats, ...]:
    """Return the calls of each minute and edge, in order of time; of other metrics and labels nothing.

    Where no buckets are told, the mean stands for the median, and without a 95th percentile for that too; where no
    latency is, both are NaN. An edge without a caller that sends spans has an empty `caller`.
    """
    minutes: dict[tuple[float, _Edge], _Minute] = {}
    for one in series:
        edge = _edge(one.labels)
        if edge is not None:
            _sort_in(one, edge, minutes)
    found = (_stats(at, edge, minute) for (at, edge), minute in sorted(minutes.items(), key=lambda o: o[0]))
    return tuple(one for one in found if one is not None)


def _edge(labels: Mapping[str, str]) -> _Edge | None:
    client, server = labels.get("client", ""), labels.get("server", "")
    if not server or server in _NOBODY:
        return None
    return "" if client in _NOBODY else client, server, labels.get("connection_type", "")


def _sort_in(series: KpiSeries, edge: _Edge, minutes: dict[tuple[float, _Edge], _Minute]) -> None:
    scale = 1000.0 if series.metric in _MEANS | _HIGHS and series.unit != "ms" else 1.0
    bound = _bound(series)
    times = np.floor(series.times_ms / 1000.0 / INTERVAL_S) * INTERVAL_S
    for at, value in zip(times.tolist(), (series.values * scale).tolist(), strict=True):
        if math.isnan(value):
            continue
        minute = minutes.setdefault((at, edge), _Minute())
        if bound is None:
            minute.values.setdefault(series.metric, []).append(value)
        else:
            minute.buckets.setdefault(bound, []).append(value)


def _bound(series: KpiSeries) -> float | None:
    """The upper bound of a bucket in seconds; None for what is none."""
    if series.metric != _BUCKET:
        return None
    try:
        return float(series.labels.get("le", "inf"))
    except ValueError:
        return math.inf


def _stats(at: float, edge: _Edge, minute: _Minute) -> CallStats | None:
    rate = minute.mean(_TOTAL) if _TOTAL in minute.values else minute.mean(_COUNT)
    if not rate or rate < 0:
        return None
    failed = min(minute.mean(_FAILED) or 0.0, rate)
    p50_ms, p95_ms = _latencies(minute)
    caller, service, operation = edge
    return CallStats(
        at, service, operation, caller, rate * INTERVAL_S, p50_ms, p95_ms, failed=failed * INTERVAL_S
    )


def _latencies(minute: _Minute) -> tuple[float, float]:
    """The median and the 95th percentile in milliseconds, as far as they are told."""
    bounds, counts = _by_itself(minute.buckets)
    median, high = quantile(0.5, bounds, counts), quantile(0.95, bounds, counts)
    if median is not None and high is not None:
        return 1000 * median, 1000 * high
    mean = minute.mean(*_MEANS)
    total, count = minute.mean(_SUM), minute.mean(_COUNT)
    if mean is None and total is not None and count:
        mean = 1000 * total / count
    if mean is None:
        return math.nan, math.nan
    high = minute.mean(*_HIGHS)
    return mean, mean if high is None else high


def _by_itself(buckets: Mapping[float, list[float]]) -> tuple[list[float], list[float]]:
    """Upper bounds of all but the last bucket, and the calls of each by itself: theirs are of all up to the bound."""
    cumulative = [(bound, sum(rates) / len(rates)) for bound, rates in sorted(buckets.items())]
    counts = list(_steps(rate for _, rate in cumulative))
    return [bound for bound, _ in cumulative if math.isfinite(bound)], counts


def _steps(cumulative: Iterable[float]) -> Iterator[float]:
    before = 0.0
    for rate in cumulative:
        yield max(rate - before, 0.0)
        before = max(rate, before)
