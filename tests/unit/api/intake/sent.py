"""What senders send: golden bodies of every format, with the path and the headers that go with them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import cramjam
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from api.intake.parsed import Arrival
from api.intake.proto import remote_write_v1_pb2 as v1
from api.intake.proto import remote_write_v2_pb2 as v2
from api.intake.remote_write import STALE, Version

__all__ = ["ARRIVAL", "NOW", "NOW_MS", "REQUESTS", "Sent", "sample", "snappy", "stale", "v1_body", "v2_body"]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
ARRIVAL = Arrival(tenant="acme", source="test", at=NOW)

Labels = Mapping[str, str]
Samples = Sequence[tuple[int, float]]

_SAMPLES = Path(__file__).parent / "samples"
_JSON = {"content-type": "application/json"}
_LINES = {"content-type": "application/x-ndjson"}
_PROTOBUF = {"content-type": "application/x-protobuf"}


def sample(name: str) -> bytes:
    """Return a golden body as it would come over the wire."""
    return (_SAMPLES / name).read_bytes()


def stale() -> float:
    """Return the NaN that ends a series."""
    (value,) = struct.unpack("<d", STALE)
    return float(value)


def snappy(body: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(body))


def v1_body(*series: tuple[Labels, Samples], histograms: int = 0) -> bytes:
    """Return a prometheus.WriteRequest, not compressed; the last series has so many native histograms."""
    request = v1.WriteRequest(
        timeseries=[
            v1.TimeSeries(
                labels=[v1.Label(name=name, value=value) for name, value in labels.items()],
                samples=[v1.Sample(timestamp=at, value=value) for at, value in samples],
            )
            for labels, samples in series
        ]
    )
    request.timeseries[-1].histograms.extend([b"\x20\x01"] * histograms)
    return request.SerializeToString()


def v2_body(
    *series: tuple[Labels, Samples],
    kind: v2.Metadata.MetricType = v2.Metadata.METRIC_TYPE_UNSPECIFIED,
    unit: str = "",
) -> bytes:
    """Return an io.prometheus.write.v2.Request, not compressed."""
    symbols = [""]

    def place(text: str) -> int:
        if text not in symbols:
            symbols.append(text)
        return symbols.index(text)

    found = [
        v2.TimeSeries(
            labels_refs=[place(text) for pair in labels.items() for text in pair],
            samples=[v2.Sample(timestamp=at, value=value) for at, value in samples],
            metadata=v2.Metadata(type=kind, unit_ref=place(unit)),
        )
        for labels, samples in series
    ]
    return v2.Request(symbols=symbols, timeseries=found).SerializeToString()


@dataclass(frozen=True)
class Sent:
    """One request. `plain` is the body before it was compressed."""

    path: str
    plain: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: dict(_JSON))
    compressed: str = ""

    @property
    def body(self) -> bytes:
        return snappy(self.plain) if self.compressed == "snappy" else self.plain


def _otlp_logs() -> bytes:
    """The golden logs in protobuf: its own JSON reads ids as base64, where OTLP writes them in hexadecimal."""
    request = Parse(sample("otlp_logs.json"), ExportLogsServiceRequest())
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.trace_id = bytes.fromhex("5b8efff798038103d269b633813fc60c")
    record.span_id = bytes.fromhex("eee19b7ec3c1b174")
    return request.SerializeToString()


_CPU = {"__name__": "cpu_usage_ratio", "job": "cart", "instance": "cart-0:9100"}
_SERIES = ((_CPU, ((NOW_MS - 1000, 0.5), (NOW_MS, 0.7))), ({**_CPU, "job": "web"}, ((NOW_MS, 0.1),)))

REQUESTS: Mapping[str, Sent] = {
    "alertmanager": Sent("/v1/intake/alertmanager", sample("alertmanager.json")),
    "grafana": Sent("/v1/intake/grafana", sample("grafana.json")),
    "cloudevents binary": Sent(
        "/v1/intake/cloudevents",
        sample("changes.json"),
        {
            **_JSON,
            "ce-specversion": "1.0",
            "ce-id": "1",
            "ce-source": "/ci",
            "ce-type": "io.tocsin.change.raw",
        },
    ),
    "cloudevents structured": Sent(
        "/v1/intake/cloudevents",
        sample("cloudevents_structured.json"),
        {"content-type": "application/cloudevents+json"},
    ),
    "cloudevents batch": Sent(
        "/v1/intake/cloudevents",
        sample("cloudevents_batch.json"),
        {"content-type": "application/cloudevents-batch+json"},
    ),
    "alarms": Sent("/v1/intake/alarms", sample("alarms.json")),
    "kpis": Sent("/v1/intake/kpis", sample("kpis.ndjson"), _LINES),
    "logs": Sent("/v1/intake/logs", sample("logs.ndjson"), _LINES),
    "changes": Sent("/v1/intake/changes", sample("changes.json")),
    "remote write 1.0": Sent(
        "/v1/intake/prometheus/write",
        v1_body(*_SERIES),
        {**_PROTOBUF, "content-encoding": "snappy", "x-prometheus-remote-write-version": "0.1.0"},
        "snappy",
    ),
    "remote write 2.0": Sent(
        "/v1/intake/prometheus/api/v1/write",
        v2_body(*_SERIES),
        {"content-type": f"application/x-protobuf;proto={Version.V2}", "content-encoding": "snappy"},
        "snappy",
    ),
    "otlp metrics json": Sent("/v1/otlp/v1/metrics", sample("otlp_metrics.json")),
    "otlp metrics protobuf": Sent(
        "/v1/otlp/v1/metrics",
        Parse(sample("otlp_metrics.json"), ExportMetricsServiceRequest()).SerializeToString(),
        _PROTOBUF,
    ),
    "otlp logs json": Sent("/v1/otlp/v1/logs", sample("otlp_logs.json")),
    "otlp logs protobuf": Sent(
        "/v1/otlp/v1/logs",
        _otlp_logs(),
        _PROTOBUF,
    ),
}
"""A valid request of every format."""
