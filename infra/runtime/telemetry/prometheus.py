"""The metrics catalogue bound to prometheus-client, one registry per process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from schemas.metrics import CATALOGUE, Metric, MetricKind

__all__ = ["PrometheusRecorder", "serve_metrics"]


@dataclass(frozen=True, slots=True)
class PrometheusRecorder:
    """Satisfies schemas.metrics.Recorder. Raises KeyError for a metric that is not in the catalogue."""

    registry: CollectorRegistry
    counters: dict[str, Counter]
    gauges: dict[str, Gauge]
    histograms: dict[str, Histogram]

    @classmethod
    def create(cls) -> PrometheusRecorder:
        """Return a recorder with every metric of the catalogue registered, and no value yet."""
        registry = CollectorRegistry(auto_describe=True)
        recorder = cls(registry, {}, {}, {})
        for metric in CATALOGUE:
            recorder._register(metric)
        return recorder

    def _register(self, metric: Metric) -> None:
        match metric.kind:
            case MetricKind.COUNTER:
                self.counters[metric.name] = Counter(
                    metric.name, metric.help, metric.labels, registry=self.registry
                )
            case MetricKind.GAUGE:
                self.gauges[metric.name] = Gauge(
                    metric.name, metric.help, metric.labels, registry=self.registry
                )
            case MetricKind.HISTOGRAM:
                self.histograms[metric.name] = Histogram(
                    metric.name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets
                )

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        counter = self.counters[metric.name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        gauge = self.gauges[metric.name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        histogram = self.histograms[metric.name]
        (histogram.labels(**labels) if labels else histogram).observe(value)


@contextmanager
def serve_metrics(recorder: PrometheusRecorder, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve /metrics from a thread while the context lasts; yields the port, a free one for 0.

    Raises OSError when the port is taken.
    """
    server, thread = start_http_server(port, addr=host, registry=recorder.registry)
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
