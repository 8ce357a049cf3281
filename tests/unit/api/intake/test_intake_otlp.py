from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake import otlp_logs, otlp_metrics
from api.intake.counters import CounterBook
from api.intake.histograms import quantile
from api.intake.limits import Limits
from api.intake.otlp import Encoding, encoding_of, service_name
from api.intake.parsed import Arrival, Parsed
from api.intake.refusal import ItemReason, RefusalKind, RefusedError
from schemas.events import KpiBatch, KpiSamples, LogBatch, LogLine, LogSeverity
from tests.unit.api.intake.sent import ARRIVAL, NOW, NOW_MS, REQUESTS, sample

SECOND = 10**9
NOW_NS = NOW_MS * 10**6


def metrics(*found: dict[str, Any], book: CounterBook | None = None, attributes: Any = None) -> Parsed:
    resource = attributes if attributes is not None else [text("service.name", "cart")]
    body = {
        "resourceMetrics": [
            {"resource": {"attributes": resource}, "scopeMetrics": [{"metrics": list(found)}]}
        ]
    }
    reading = (CounterBook() if book is None else book).reading("acme")
    parsed = otlp_metrics.parse(json.dumps(body).encode(), Encoding.JSON, ARRIVAL, reading)
    reading.keep()
    return parsed


def logs(*records: dict[str, Any]) -> Parsed:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}
    return otlp_logs.parse(json.dumps(body).encode(), Encoding.JSON, ARRIVAL)


def text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def point(second: float = 0, **changed: Any) -> dict[str, Any]:
    value = {} if "asInt" in changed else {"asDouble": 1.0}
    return {"timeUnixNano": str(NOW_NS + int(second * SECOND)), **value, **changed}


def summed(*points: dict[str, Any], grows: bool = True, temporality: int = 2) -> dict[str, Any]:
    return {
        "name": "m",
        "unit": "By",
        "sum": {"isMonotonic": grows, "aggregationTemporality": temporality, "dataPoints": points},
    }


def columns(parsed: Parsed) -> dict[str, KpiSamples]:
    return {one.metric: one for batch in parsed.events if isinstance(batch, KpiBatch) for one in batch.series}


def lines(parsed: Parsed) -> Sequence[LogLine]:
    return [one for batch in parsed.events if isinstance(batch, LogBatch) for one in batch.records]


@pytest.mark.parametrize("encoding", Encoding)
def test_golden_metrics(encoding: Encoding) -> None:
    body = REQUESTS[f"otlp metrics {encoding.name.lower()}"].plain
    parsed = otlp_metrics.parse(body, encoding, ARRIVAL, CounterBook().reading("acme"))
    assert (parsed.accepted, parsed.problems, len(parsed.events)) == (3, (), 1)
    (batch,) = parsed.events
    assert isinstance(batch, KpiBatch)
    assert (batch.service, batch.source) == ("cart", "test")
    found = columns(parsed)
    memory = found["process.memory.usage"]
    assert (memory.values, memory.unit) == ((104857600.0,), "By")
    assert memory.labels == {"service.instance.id": "cart-0", "pool": "heap"}
    assert (found["http.server.requests"].values, found["http.server.requests"].unit) == (
        (12.0,),
        "{request}/s",
    )
    assert found["http.server.request.duration.count"].values == (10.0,)
    assert found["http.server.request.duration.mean"].values == (0.2,)
    assert found["http.server.request.duration.p95"].values == (0.75,)
    assert found["http.server.request.duration.p95"].unit == "s"


@pytest.mark.parametrize("encoding", Encoding)
def test_golden_logs(encoding: Encoding) -> None:
    parsed = otlp_logs.parse(REQUESTS[f"otlp logs {encoding.name.lower()}"].plain, encoding, ARRIVAL)
    assert (parsed.accepted, parsed.problems) == (2, ())
    first, second = lines(parsed)
    assert first == LogLine(
        at=datetime(2026, 3, 1, 11, 59, 55, 123456, UTC),
        severity=LogSeverity.ERROR,
        message="bank refused: 503",
        entity="payments-7c9-abcde",
        trace_id="5b8efff798038103d269b633813fc60c",
        attributes={"http.response.status_code": "503", "retries": "[0.5,true]"},
    )
    assert (second.severity, second.message) == (LogSeverity.WARN, '{"event":"slow"}')
    assert second.at == datetime(2026, 3, 1, 11, 59, 56, tzinfo=UTC)


def test_a_growing_sum_is_a_rate_whatever_its_temporality() -> None:
    book = CounterBook()
    first = metrics(summed(point(0, asInt="100")), book=book)
    assert (first.accepted, first.events) == (1, ())
    later = columns(metrics(summed(point(10, asInt="150")), book=book))["m"]
    start = {"startTimeUnixNano": str(NOW_NS)}
    delta = columns(metrics(summed(point(10, asInt="50", **start), temporality=1)))["m"]
    assert (later.values, later.unit) == (delta.values, delta.unit) == ((5.0,), "By/s")


def test_a_service_graph_is_about_whom_it_calls() -> None:
    edge = [text("client", "web"), text("server", "db")]
    points = [point(0, attributes=edge), point(10, attributes=edge, asDouble=31.0)]
    told = {**summed(*points), "name": "traces_service_graph_request_total"}
    (batch,) = metrics(told, attributes=[text("service.name", "collector")]).events
    assert isinstance(batch, KpiBatch)
    assert (batch.service, batch.series[0].values, batch.series[0].labels["client"]) == ("db", (3.0,), "web")


def test_a_sum_that_also_falls_is_a_level_if_it_is_cumulative() -> None:
    level = columns(metrics(summed(point(0, asInt="-7"), grows=False)))["m"]
    assert (level.values, level.unit) == ((-7.0,), "By")
    (problem,) = metrics(summed(point(0), grows=False, temporality=1)).problems
    assert (problem.reason, problem.raw) == (ItemReason.UNSUPPORTED, None)


def test_a_cumulative_histogram_tells_of_the_time_since_the_last_one() -> None:
    def histogram(second: int, count: int, total: float, counts: list[int]) -> dict[str, Any]:
        found = point(
            second,
            count=str(count),
            sum=total,
            bucketCounts=list(map(str, counts)),
            explicitBounds=[1.0, 2.0],
        )
        del found["asDouble"]
        return {"name": "d", "unit": "s", "histogram": {"aggregationTemporality": 2, "dataPoints": [found]}}

    book = CounterBook()
    assert metrics(histogram(0, 1000, 100.0, [1000, 0, 0]), book=book).events == ()
    found = columns(metrics(histogram(10, 1010, 115.0, [1000, 10, 0]), book=book))
    assert {name: one.values[0] for name, one in found.items()} == {
        "d.count": 1.0,
        "d.mean": 1.5,
        "d.p95": 1.95,
    }
    quiet = columns(metrics(histogram(20, 1010, 115.0, [1000, 10, 0]), book=book))
    assert {name: one.values[0] for name, one in quiet.items()} == {"d.count": 0.0}
    rebucketed = columns(metrics(histogram(30, 1020, 115.0, [1000, 10, 0, 10]), book=book))
    assert rebucketed == {}


def test_an_exponential_histogram_and_a_summary() -> None:
    start = {"startTimeUnixNano": str(NOW_NS - 10 * SECOND), "timeUnixNano": str(NOW_NS)}
    exponential = {
        "name": "e",
        "exponentialHistogram": {
            "aggregationTemporality": 1,
            "dataPoints": [{**start, "count": "20", "sum": 5.0}],
        },
    }
    assert {name: one.values[0] for name, one in columns(metrics(exponential)).items()} == {
        "e.count": 2.0,
        "e.mean": 0.25,
    }
    values = [{"quantile": 0.5, "value": 1.0}, {"quantile": 0.99, "value": 3.0}]
    summary = {
        "name": "s",
        "summary": {"dataPoints": [{**start, "count": "20", "sum": 5.0, "quantileValues": values}]},
    }
    assert {name: one.values[0] for name, one in columns(metrics(summary)).items()} == {
        "s.p50": 1.0,
        "s.p99": 3.0,
    }


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (summed(point(0), temporality=0), ItemReason.INVALID_VALUE),
        (summed(point(0), temporality=1), ItemReason.INVALID_VALUE),
        (summed(point(0, startTimeUnixNano=str(NOW_NS)), temporality=1), ItemReason.INVALID_VALUE),
        (summed(point(0, timeUnixNano=str(2**64 - 1))), ItemReason.TIME_OUT_OF_RANGE),
        ({"gauge": {"dataPoints": [point()]}}, ItemReason.INVALID_VALUE),
        ({"name": "m" * 300, "gauge": {"dataPoints": [point()]}}, ItemReason.INVALID_VALUE),
        ({"name": "m", "unit": "u" * 65, "gauge": {"dataPoints": [point()]}}, ItemReason.INVALID_VALUE),
        (
            {
                "name": "m",
                "gauge": {"dataPoints": [point(attributes=[text(f"l{n}", "x") for n in range(65)])]},
            },
            ItemReason.TOO_MANY_LABELS,
        ),
        (
            {"name": "m" * 250, "summary": {"dataPoints": [{"timeUnixNano": str(NOW_NS)}]}},
            ItemReason.INVALID_VALUE,
        ),
        (
            {
                "name": "m",
                "summary": {
                    "dataPoints": [{"timeUnixNano": str(NOW_NS), "quantileValues": [{"quantile": 7}]}]
                },
            },
            ItemReason.INVALID_VALUE,
        ),
    ],
)
def test_a_bad_point_is_named_and_the_others_are_taken(metric: dict[str, Any], reason: ItemReason) -> None:
    good = {"name": "good", "gauge": {"dataPoints": [point()]}}
    parsed = metrics(good, metric)
    assert (parsed.accepted, list(columns(parsed))) == (1, ["good"])
    (problem,) = parsed.problems
    assert (problem.index, problem.reason) == (1, reason)
    assert problem.pointer.startswith("/resourceMetrics/0/scopeMetrics/0/metrics/1/")


def test_a_point_without_a_value_is_taken_and_no_sample() -> None:
    parsed = metrics({"name": "m", "gauge": {"dataPoints": [point(flags=1), point(1)]}}, {"name": "empty"})
    assert (parsed.accepted, columns(parsed)["m"].times_ms) == (2, (NOW_MS + 1000,))


@pytest.mark.parametrize(
    ("resource", "service"),
    [
        ({"service.name": "cart", "k8s.deployment.name": "other"}, "cart"),
        ({"service.name": "unknown_service:python", "k8s.deployment.name": "cart"}, "cart"),
        ({"service.name": "unknown_service:python"}, "unknown_service:python"),
        ({"service.name": "s" * 300}, "s" * 256),
        ({}, "unknown"),
    ],
)
def test_the_service_is_that_of_the_resource(resource: dict[str, str], service: str) -> None:
    assert service_name(resource) == service


@pytest.mark.parametrize(
    ("record", "severity"),
    [
        ({"severityNumber": number}, severity)
        for number, severity in (
            (1, "trace"),
            (8, "debug"),
            (9, "info"),
            (16, "warn"),
            (17, "error"),
            (24, "fatal"),
        )
    ]
    + [
        ({"severityText": "CRITICAL"}, "fatal"),
        ({"severityText": "Error"}, "error"),
        ({"severityNumber": 99}, "info"),
        ({}, "info"),
    ],
)
def test_severities(record: dict[str, Any], severity: str) -> None:
    (line,) = lines(logs({**record, "body": {"stringValue": "x"}}))
    assert line.severity == severity
    assert line.at == NOW


def test_a_long_message_and_many_attributes_are_cut() -> None:
    attributes = [text(f"a{n}", "v" * (5000 if n == 0 else 1)) for n in range(70)]
    (line,) = lines(logs({"body": {"stringValue": "m" * 40_000}, "attributes": attributes}))
    assert (len(line.message), len(line.attributes), len(line.attributes["a0"])) == (32_768, 64, 4096)


@pytest.mark.parametrize(
    ("record", "reason", "pointer"),
    [
        ({"timeUnixNano": str(2**63)}, ItemReason.TIME_OUT_OF_RANGE, "/timeUnixNano"),
        ({"traceId": "abcd"}, ItemReason.INVALID_VALUE, "/traceId"),
        ({"body": {"stringValue": "m" * 300_000}}, ItemReason.TOO_LARGE, ""),
    ],
)
def test_a_bad_record_is_named(record: dict[str, Any], reason: ItemReason, pointer: str) -> None:
    parsed = logs({"body": {"stringValue": "good"}}, record)
    assert parsed.accepted == 1
    (problem,) = parsed.problems
    assert (problem.reason, problem.pointer) == (reason, f"/resourceLogs/0/scopeLogs/0/logRecords/1{pointer}")


@pytest.mark.parametrize(
    ("body", "encoding", "kind"),
    [
        (b"\xff\xff\xff", Encoding.PROTOBUF, RefusalKind.MALFORMED),
        (b"{", Encoding.JSON, RefusalKind.MALFORMED),
        (b"[]", Encoding.JSON, RefusalKind.MALFORMED),
        (b'{"resourceLogs": 5}', Encoding.JSON, RefusalKind.MALFORMED),
        (b'{"resourceLogs": [null]}', Encoding.JSON, RefusalKind.MALFORMED),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, Encoding.JSON, RefusalKind.TOO_DEEP),
    ],
)
def test_what_is_no_request_is_refused(body: bytes, encoding: Encoding, kind: RefusalKind) -> None:
    with pytest.raises(RefusedError) as refused:
        otlp_logs.parse(body, encoding, ARRIVAL)
    assert refused.value.kind is kind


def test_too_many_records_are_refused() -> None:
    arrival = Arrival(tenant="acme", source="test", at=NOW, limits=Limits(items=1))
    with pytest.raises(RefusedError) as refused:
        otlp_logs.parse(sample("otlp_logs.json"), Encoding.JSON, arrival)
    assert refused.value.kind is RefusalKind.TOO_MANY


def test_unknown_fields_are_left_alone_and_other_types_refused() -> None:
    assert logs({"body": {"stringValue": "x"}, "fromTheFuture": [1]}).accepted == 1
    assert encoding_of("application/json; charset=utf-8") is Encoding.JSON
    with pytest.raises(RefusedError):
        encoding_of("application/grpc")


@given(
    counts=st.lists(st.integers(0, 1000), min_size=2, max_size=8),
    share=st.floats(0, 1),
)
def test_a_quantile_lies_in_the_bucket_of_its_rank(counts: list[int], share: float) -> None:
    bounds = [float(number) for number in range(1, len(counts))]
    found = quantile(share, bounds, counts)
    if not sum(counts):
        assert found is None
        return
    assert found is not None
    values = [value for value, count in enumerate(counts) for _ in range(count)]
    place = values[min(max(0, -(-share * len(values) // 1) - 1).__int__(), len(values) - 1)]
    assert min(place, bounds[-1]) <= found <= min(place + 1, bounds[-1])


def test_a_quantile_of_nothing_is_unknown() -> None:
    assert quantile(0.95, (), (5,)) is None
    assert quantile(0.95, (1.0,), (5,)) is None
    assert quantile(0.5, (-2.0, 1.0), (4, 0, 0)) == -2.0
