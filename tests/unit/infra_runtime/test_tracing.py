from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from infra.runtime.settings import Settings
from infra.runtime.telemetry import configure_tracing
from infra.runtime.telemetry.otel import OtelTracing
from schemas.envelope import read_envelope
from schemas.tracing import TENANT, TOPIC, NullTracing, SpanName, trace_id_of

INCOMING = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP receiver; `silent` ones take a request and never answer."""

    daemon_threads = True

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []
        super().__init__(("127.0.0.1", 0), _Receiver)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[tuple[str, Span]]:
        """Service name and span, of everything received."""
        return [
            (resource.resource.attributes[index].value.string_value, span)
            for _, request in self.received
            for resource in request.resource_spans
            for index, attribute in enumerate(resource.resource.attributes)
            if attribute.key == "service.name"
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.silent:
            self.rfile.read(1)  # until the client hangs up
            return
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args


@contextmanager
def collecting(*, silent: bool = False) -> Iterator[Collector]:
    with Collector(silent=silent) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(timeout=5)


def test_spans_reach_the_collector_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("TOCSIN_TELEMETRY__OTLP_ENDPOINT", collector.url)
        tracing = configure_tracing("stream", Settings().telemetry.otlp_endpoint)
        with tracing.span(SpanName.INTAKE, INCOMING, {TENANT: "acme", TOPIC: "alarms.raw"}) as passed_on:
            pass
        tracing.shutdown()
        ((service, span),) = collector.spans
        assert {path for path, _ in collector.received} == {"/v1/traces"}
    assert (service, span.name) == ("tocsin-stream", "intake")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (INCOMING[3:35], INCOMING[36:52])
    assert span.span_id.hex() == passed_on[36:52]
    assert {one.key: one.value.string_value for one in span.attributes} == {
        TENANT: "acme",
        TOPIC: "alarms.raw",
    }


def test_nothing_is_sent_where_no_collector_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        tracing = configure_tracing("stream", Settings().telemetry.otlp_endpoint)
        with tracing.span(SpanName.INTAKE, INCOMING):
            pass
        tracing.shutdown()
        assert collector.received == []


def test_a_silent_collector_does_not_hold_up_the_end() -> None:
    with collecting(silent=True) as collector:
        tracing = configure_tracing("stream", collector.url)
        with tracing.span(SpanName.INTAKE):
            pass
        began = time.monotonic()
        tracing.shutdown()
        assert time.monotonic() - began < 9, "longer than a role has to stop"


def test_without_a_collector_a_trace_is_passed_on_or_begun() -> None:
    tracing = configure_tracing("stream", "")
    with tracing.span(SpanName.INTAKE, INCOMING) as passed_on:
        assert passed_on == INCOMING
    with tracing.span(SpanName.PUBLISH) as first, tracing.span(SpanName.PUBLISH) as second:
        assert trace_id_of(first) != trace_id_of(second)
        assert read_envelope([("traceparent", first.encode())]).traceparent == first
        assert first.endswith("-01"), "stages that export drop what is not sampled"


def test_the_null_tracing_begins_nothing() -> None:
    with NullTracing().span(SpanName.PUBLISH) as root, NullTracing().span(SpanName.LAND, INCOMING) as child:
        assert (root, child, trace_id_of(root)) == ("", INCOMING, "")


def test_a_trace_goes_on_across_messages_and_not_otherwise() -> None:
    exported = InMemorySpanExporter()
    tracing = OtelTracing("test", SimpleSpanProcessor(exported))
    with tracing.span(SpanName.PUBLISH) as sent, tracing.span(SpanName.PUBLISH) as other:
        pass
    with tracing.span(SpanName.INTAKE, sent, {TENANT: "acme"}):
        pass
    second, first, child = exported.get_finished_spans()
    assert trace_id_of(sent) != trace_id_of(other), "a root inside a span is a root"
    assert (first.parent, second.parent) == (None, None)
    assert child.parent is not None
    assert child.parent.span_id == first.context.span_id
    assert dict(child.attributes or {}) == {TENANT: "acme"}
    assert (first.kind, child.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)


def test_what_is_raised_is_noted_and_goes_on() -> None:
    exported = InMemorySpanExporter()
    tracing = OtelTracing("test", SimpleSpanProcessor(exported))
    with pytest.raises(ValueError, match="boom"), tracing.span(SpanName.INVESTIGATE):
        raise ValueError("boom")
    (span,) = exported.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]
