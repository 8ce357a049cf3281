"""Logs (structlog), metrics (prometheus-client) and traces (OpenTelemetry) of one process."""

from infra.runtime.telemetry.logs import configure_logging
from infra.runtime.telemetry.prometheus import PrometheusRecorder, serve_metrics
from infra.runtime.telemetry.tracing import ProcessTracing, configure_tracing

__all__ = [
    "ProcessTracing",
    "PrometheusRecorder",
    "configure_logging",
    "configure_tracing",
    "serve_metrics",
]
