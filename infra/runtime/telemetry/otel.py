"""The Tracing over OpenTelemetry's SDK. Imported only where spans are exported."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.tracing import SpanName

__all__ = ["OtelTracing", "otlp_processor"]

_EXPORT_S = 2.0
_SHUTDOWN_S = 3.0
_PROPAGATOR = TraceContextTextMapPropagator()


class OtelTracing:
    """Records every span. Satisfies ProcessTracing; closes the processor given."""

    def __init__(self, role: str, processor: SpanProcessor) -> None:
        """`role` becomes the service name, `tocsin-<role>`."""
        resource = Resource.create({SERVICE_NAME: f"tocsin-{role}"})
        # Shut down by its owner only: the SDK's own exit handler would wait for a dead collector.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("tocsin")

    @contextmanager
    def span(
        self, name: SpanName, traceparent: str = "", attributes: Mapping[str, str] | None = None
    ) -> Iterator[str]:
        """See schemas.tracing.Tracing. What is raised inside is noted in the span and goes on."""
        carrier = {"traceparent": traceparent}
        parent = _PROPAGATOR.extract(carrier, Context()) if traceparent else Context()
        kind = SpanKind.PRODUCER if name is SpanName.PUBLISH else SpanKind.CONSUMER
        span = self._tracer.start_span(name.value, parent, kind, dict(attributes or {}))
        with use_span(span, end_on_exit=True):
            _PROPAGATOR.inject(carrier)
            yield carrier["traceparent"]

    def shutdown(self) -> None:
        """Export what is left; given up after three seconds."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-shutdown", daemon=True)
        closing.start()
        closing.join(_SHUTDOWN_S)


def otlp_processor(endpoint: str) -> SpanProcessor:
    """Return what sends spans to the collector in batches, from a thread; those it cannot deliver are lost."""
    url = f"{endpoint.rstrip('/')}/v1/traces"
    return BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_EXPORT_S))
