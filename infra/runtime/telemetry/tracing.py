"""OpenTelemetry spans across Kafka by W3C `traceparent`. The exporter is off unless an endpoint is configured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from infra.runtime.telemetry import names

__all__ = ["configure_tracing", "current_traceparent", "span"]

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = "tocsin"


def configure_tracing(
    role: str, otlp_endpoint: str, processor: SpanProcessor | None = None
) -> TracerProvider:
    """Make the process's tracer provider; the caller shuts it down, which exports what is left.

    Without an endpoint or a processor spans exist (their ids travel) but are exported nowhere.
    """
    provider = TracerProvider(resource=Resource.create({names.SERVICE: f"tocsin-{role}"}))
    if otlp_endpoint:
        # A role that exports nothing does not pay for the exporter: 0.1 s, protobuf and requests.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter(endpoint=f"{otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    if processor:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return provider


@contextmanager
def span(name: str, traceparent: str = "", attributes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run in a span that continues `traceparent`, or begins a trace; yields the span's own traceparent."""
    parent = _PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else None
    tracer = trace.get_tracer(_TRACER)
    with tracer.start_as_current_span(name, context=parent, attributes=dict(attributes or {})):
        yield current_traceparent()


def current_traceparent() -> str:
    """Return the running span's `traceparent`, or an empty text outside of any."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")
