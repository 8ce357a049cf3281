"""The OpenTelemetry SDK's own OTLP exporters, unmodified, told the endpoint and the key as their manual says."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from schemas.events import KpiBatch, LogBatch, LogSeverity
from tests.e2e.stack import RunningStack, until
from tests.stack.outside import Sender, events_of

pytestmark = [pytest.mark.stack, pytest.mark.e2e]

NEVER_S = 3_600.0


@pytest.fixture
def told(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://opentelemetry.io/docs/specs/otel/protocol/exporter/."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{sender.url}/v1/otlp")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{sender.key}")


def _resource(service: str) -> Resource:
    return Resource({"service.name": service, "service.instance.id": f"{service}-1", "host.name": "node-1"})


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_its_metrics_arrive(
    stack: RunningStack, sender: Sender, told: None, compression: Compression
) -> None:
    service = f"otel-{compression.value}"
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(compression=compression), export_interval_millis=NEVER_S * 1000
    )
    provider = MeterProvider([reader], resource=_resource(service))
    meter = provider.get_meter("shop")
    meter.create_gauge("queue.length", unit="{messages}").set(17, {"queue": "orders"})
    requests = meter.create_counter("http.requests", unit="{requests}")
    latency = meter.create_histogram("http.duration", unit="s")
    for _ in range(2):
        requests.add(10, {"route": "/cart"})
        latency.record(0.2)
        assert provider.force_flush(), "the exporter was not answered 200"
    provider.shutdown()

    def arrived() -> list[KpiBatch]:
        return [one for one in events_of(stack, KpiBatch, sender.tenant) if one.service == service]

    batches: list[KpiBatch] = until(arrived, "the metrics")
    assert {one.source for one in batches} == {"otlp"}
    series = [one for batch in batches for one in batch.series]
    queue = [one for one in series if one.metric == "queue.length"]
    assert {value for one in queue for value in one.values} == {17.0}
    assert {one.labels["queue"] for one in queue} == {"orders"}
    assert any(one.metric == "http.requests" and min(one.values) > 0 for one in series), "a rate"
    assert any(one.metric.startswith("http.duration") for one in series)


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_its_logs_arrive(stack: RunningStack, sender: Sender, told: None, compression: Compression) -> None:
    service = f"otel-logs-{compression.value}"
    provider = LoggerProvider(resource=_resource(service))
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(compression=compression)))
    logger = provider.get_logger("shop")
    for number in range(100):
        severity = SeverityNumber.ERROR if number % 10 == 0 else SeverityNumber.INFO
        logger.emit(
            LogRecord(
                severity_number=severity, body=f"order {number} taken", attributes={"order": str(number)}
            )
        )
    assert provider.force_flush(), "the exporter was not answered 200"
    provider.shutdown()

    def arrived() -> list[LogBatch]:
        return [one for one in events_of(stack, LogBatch, sender.tenant) if one.service == service]

    batches: list[LogBatch] = until(arrived, "the logs")
    records = [one for batch in batches for one in batch.records]
    assert sorted(one.message for one in records) == sorted(f"order {number} taken" for number in range(100))
    assert sum(one.severity is LogSeverity.ERROR for one in records) == 10
    assert {one.source for one in batches} == {"otlp"}
    assert {"0", "99"} <= {one.attributes.get("order") for one in records}


@pytest.mark.parametrize("key", ["a viewer's", "nonsense"])
def test_a_key_that_may_not_write_is_refused(
    stack: RunningStack, sender: Sender, told: None, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    if key == "a viewer's":
        (made,) = stack.tocsin("keys", "create", "reader", "--role", "viewer", "--tenant", sender.tenant)
        key = made["key"]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{key}")
    before = len(events_of(stack, LogBatch, sender.tenant))
    exporter = _Remembering()
    provider = LoggerProvider(resource=_resource("forbidden"))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    provider.get_logger("shop").emit(LogRecord(body="not to be taken"))
    provider.force_flush()
    provider.shutdown()
    assert exporter.results == [LogRecordExportResult.FAILURE]
    assert len(events_of(stack, LogBatch, sender.tenant)) == before


class _Remembering(OTLPLogExporter):
    """The exporter as it is; it tells its results to its processor alone."""

    def __init__(self) -> None:
        super().__init__()
        self.results: list[LogRecordExportResult] = []

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.results.append(super().export(batch))
        return self.results[-1]
