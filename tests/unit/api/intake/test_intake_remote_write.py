from __future__ import annotations

import ast
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from grpc_tools import protoc  # type: ignore[import-untyped]  # grpcio-tools publishes no types

from api.intake.columns import SeriesName
from api.intake.counters import CounterBook, Growth
from api.intake.limits import Limits
from api.intake.parsed import Arrival, Parsed
from api.intake.proto import remote_write_v1_pb2 as v1
from api.intake.proto import remote_write_v2_pb2 as v2
from api.intake.refusal import ItemReason, RefusalKind, RefusedError
from api.intake.remote_write import Version, parse, version_of
from schemas.events import KpiBatch, KpiSamples
from tests.unit.api.intake.sent import ARRIVAL, NOW, NOW_MS, stale, v1_body, v2_body

CPU = {"__name__": "cpu_usage_ratio", "job": "cart", "instance": "cart-0:9100"}
TOTAL = {"__name__": "http_requests_total", "job": "cart"}
BODIES: dict[Version, Callable[..., bytes]] = {Version.V1: v1_body, Version.V2: v2_body}
BOTH = pytest.mark.parametrize("version", Version)


def taken(body: bytes, version: Version, book: CounterBook | None = None) -> Parsed:
    reading = (book or CounterBook()).reading("acme")
    found = parse(body, version, ARRIVAL, reading)
    reading.keep()
    return found


def series(found: Parsed) -> dict[tuple[str, str], KpiSamples]:
    return {
        (batch.service, one.metric): one
        for batch in found.events
        if isinstance(batch, KpiBatch)
        for one in batch.series
    }


@BOTH
def test_samples_of_a_series_are_a_column_of_their_services_batch(version: Version) -> None:
    body = BODIES[version](
        (CPU, ((NOW_MS, 0.7), (NOW_MS - 1000, 0.5))),
        ({**CPU, "__name__": "memory_bytes"}, ((NOW_MS, 1e9),)),
        ({**CPU, "job": "web"}, ((NOW_MS, 0.1),)),
    )
    found = taken(body, version)
    assert (found.accepted, found.problems, len(found.events)) == (4, (), 2)
    cpu = series(found)["cart", "cpu_usage_ratio"]
    assert (cpu.times_ms, cpu.values, cpu.unit) == ((NOW_MS - 1000, NOW_MS), (0.5, 0.7), "1")
    assert cpu.labels == {"job": "cart", "instance": "cart-0:9100"}
    assert series(found)["cart", "memory_bytes"].unit == "By"


@BOTH
def test_a_service_graph_is_about_whom_it_calls(version: Version) -> None:
    edge = {"client": "web", "server": "cart", "job": "otel-collector", "service": "collector"}
    graph = {**edge, "__name__": "traces_service_graph_request_total"}
    samples = ((NOW_MS, 1.0), (NOW_MS + 1000, 3.0))
    found = series(taken(BODIES[version]((graph, samples), ({**TOTAL, **edge}, samples)), version))
    assert found["cart", "traces_service_graph_request_total"].values == (2.0,)
    assert found["cart", "traces_service_graph_request_total"].labels["client"] == "web"
    assert ("collector", "http_requests_total") in found


@BOTH
def test_a_counter_becomes_a_rate_under_its_own_name(version: Version) -> None:
    book = CounterBook()

    def at(second: int, value: float) -> dict[tuple[str, str], KpiSamples]:
        found = taken(BODIES[version]((TOTAL, ((NOW_MS + 1000 * second, value),))), version, book)
        assert found.accepted == 1
        return series(found)

    assert at(0, 100.0) == {}
    assert at(10, 150.0)["cart", "http_requests_total"].values == (5.0,)
    assert at(10, 150.0) == {}, "sent again: told already"
    after_restart = at(20, 30.0)["cart", "http_requests_total"]
    assert (after_restart.values, after_restart.unit) == ((3.0,), "1/s")


def test_the_metadata_of_version_2_says_what_is_a_counter_and_the_unit() -> None:
    samples = ((NOW_MS, 1.0), (NOW_MS + 1000, 3.0))
    odd = {**TOTAL, "__name__": "odd_name"}
    counter = taken(v2_body((odd, samples), kind=v2.Metadata.METRIC_TYPE_COUNTER, unit="bytes"), Version.V2)
    found = series(counter)["cart", "odd_name"]
    assert (found.values, found.unit) == ((2.0,), "By/s")
    gauge = taken(v2_body((TOTAL, samples), kind=v2.Metadata.METRIC_TYPE_GAUGE), Version.V2)
    assert series(gauge)["cart", "http_requests_total"].values == (1.0, 3.0)
    part = {**TOTAL, "__name__": "latency_seconds_bucket", "le": "0.5"}
    bucket = taken(v2_body((part, samples), kind=v2.Metadata.METRIC_TYPE_HISTOGRAM), Version.V2)
    assert series(bucket)["cart", "latency_seconds_bucket"].values == (2.0,)
    quantile = {**TOTAL, "__name__": "latency_seconds", "quantile": "0.9"}
    summary = taken(v2_body((quantile, samples), kind=v2.Metadata.METRIC_TYPE_SUMMARY), Version.V2)
    assert series(summary)["cart", "latency_seconds"].values == (1.0, 3.0)


@BOTH
def test_a_stale_marker_is_taken_and_no_sample_another_nan_is_a_missing_one(version: Version) -> None:
    body = BODIES[version](
        (CPU, ((NOW_MS, 0.5), (NOW_MS + 1000, math.nan), (NOW_MS + 2000, math.inf), (NOW_MS + 3000, stale())))
    )
    found = taken(body, version)
    values = series(found)["cart", "cpu_usage_ratio"].values
    assert found.accepted == 4
    assert values[0] == 0.5
    assert list(map(math.isnan, values)) == [False, True, True]


@BOTH
@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({"job": "cart"}, ItemReason.MISSING_FIELD),
        ({"__name__": "", "job": "cart"}, ItemReason.MISSING_FIELD),
        ({}, ItemReason.MISSING_FIELD),
        ({**CPU, "": "x"}, ItemReason.INVALID_VALUE),
        ({**CPU, "__name__": "m" * 300}, ItemReason.INVALID_VALUE),
        ({**CPU, **{f"l{n}": "x" for n in range(64)}}, ItemReason.TOO_MANY_LABELS),
        ({**CPU, "l": "x" * 5000}, ItemReason.LABEL_TOO_LONG),
    ],
)
def test_a_bad_series_is_named_for_each_of_its_samples_and_kept_once(
    version: Version, labels: dict[str, str], reason: ItemReason
) -> None:
    body = BODIES[version]((CPU, ((NOW_MS, 1.0),)), (labels, ((NOW_MS, 1.0), (NOW_MS + 1, 2.0))))
    found = taken(body, version)
    assert found.accepted == 1
    assert [(one.index, one.reason) for one in found.problems] == [(1, reason), (2, reason)]
    assert all(one.pointer.startswith("/timeseries/1") for one in found.problems)
    kept = [one.raw for one in found.problems if one.raw is not None]
    assert len(kept) == 1
    again = v1.TimeSeries.FromString(kept[0]) if version is Version.V1 else v2.Request.FromString(kept[0])
    assert again.ByteSize() > 0


@BOTH
def test_a_bad_sample_is_named_and_kept_alone(version: Version) -> None:
    found = taken(BODIES[version]((CPU, ((NOW_MS, 1.0), (-5, 2.0), (2**62, 3.0)))), version)
    assert found.accepted == 1
    assert [(one.pointer, one.reason) for one in found.problems] == [
        ("/timeseries/0/samples/1", ItemReason.TIME_OUT_OF_RANGE),
        ("/timeseries/0/samples/2", ItemReason.TIME_OUT_OF_RANGE),
    ]
    raw = found.problems[0].raw
    assert raw is not None
    if version is Version.V1:
        assert [one.value for one in v1.TimeSeries.FromString(raw).samples] == [2.0]
    else:
        alone = v2.Request.FromString(raw)
        assert list(alone.symbols) == ["", *(text for pair in CPU.items() for text in pair)]
        assert [one.value for one in alone.timeseries[0].samples] == [2.0]


def test_labels_that_come_twice_are_refused() -> None:
    request = v1.WriteRequest.FromString(v1_body((CPU, ((NOW_MS, 1.0),))))
    request.timeseries[0].labels.add(name="job", value="other")
    (problem,) = taken(request.SerializeToString(), Version.V1).problems
    assert "twice" in problem.detail


@pytest.mark.parametrize("references", [(1,), (1, 99), (2**32 - 1, 0)])
def test_references_to_no_symbol_are_named(references: tuple[int, ...]) -> None:
    request = v2.Request.FromString(v2_body((CPU, ((NOW_MS, 1.0),))))
    request.timeseries[0].labels_refs.extend(references)
    (problem,) = taken(request.SerializeToString(), Version.V2).problems
    assert (problem.reason, problem.pointer) == (
        ItemReason.INVALID_VALUE,
        "/timeseries/0/labels_refs",
    )


def test_native_histograms_are_counted_and_not_kept() -> None:
    found = taken(v1_body((CPU, ((NOW_MS, 1.0),)), histograms=2), Version.V1)
    assert found.accepted == 1
    assert [(one.reason, one.raw) for one in found.problems] == [(ItemReason.UNSUPPORTED, None)] * 2


@pytest.mark.parametrize("symbols", [[], ["x"]])
def test_symbols_begin_with_the_empty_text(symbols: list[str]) -> None:
    body = v2.Request(symbols=symbols, timeseries=[v2.TimeSeries()]).SerializeToString()
    with pytest.raises(RefusedError) as refused:
        taken(body, Version.V2)
    assert refused.value.kind is RefusalKind.MALFORMED


@BOTH
def test_nothing_is_taken_as_nothing_and_no_message_is_refused(version: Version) -> None:
    assert taken(b"", version) == Parsed((), 0)
    with pytest.raises(RefusedError) as refused:
        taken(b"\xff\xff", version)
    assert refused.value.kind is RefusalKind.MALFORMED


def test_too_many_samples_are_refused() -> None:
    arrival = Arrival(tenant="acme", source="test", at=NOW, limits=Limits(items=2))
    body = v1_body((CPU, tuple((NOW_MS + n, 1.0) for n in range(3))))
    with pytest.raises(RefusedError) as refused:
        parse(body, Version.V1, arrival, CounterBook().reading("acme"))
    assert refused.value.kind is RefusalKind.TOO_MANY


@pytest.mark.parametrize(
    ("content_type", "version"),
    [
        ("application/x-protobuf", Version.V1),
        ("application/x-protobuf;proto=prometheus.WriteRequest", Version.V1),
        ('Application/X-Protobuf; charset=x; PROTO="io.prometheus.write.v2.Request"', Version.V2),
        ("application/x-protobuf;proto=io.prometheus.write.v3.Request", None),
        ("application/json", None),
        ("", None),
    ],
)
def test_the_message_is_that_of_the_content_type(content_type: str, version: Version | None) -> None:
    if version:
        assert version_of(content_type) is version
        return
    with pytest.raises(RefusedError) as refused:
        version_of(content_type)
    assert refused.value.kind is RefusalKind.MEDIA_TYPE


def name(metric: str) -> SeriesName:
    return SeriesName("test", "cart", metric, "1/s", ())


def test_a_counter_is_remembered_only_once_its_request_was_published() -> None:
    book = CounterBook()
    book.reading("acme").growth(name("a"), 0, (1.0,))
    reading = book.reading("acme")
    assert reading.growth(name("a"), 1000, (2.0,)) is None
    reading.keep()
    assert book.reading("acme").growth(name("a"), 3000, (8.0,)) == Growth(2.0, (6.0,))
    assert book.reading("globex").growth(name("a"), 3000, (8.0,)) is None


def test_of_too_many_counters_the_one_not_heard_of_for_longest_is_forgotten() -> None:
    book = CounterBook(kept=2)
    for metric, time_ms in (("a", 0), ("b", 0), ("a", 1000), ("c", 0)):
        reading = book.reading("acme")
        reading.growth(name(metric), time_ms, (1.0,))
        reading.keep()
    assert book.known == 2
    assert book.reading("acme").growth(name("a"), 2000, (2.0,)) == Growth(1.0, (1.0,))
    assert book.reading("acme").growth(name("b"), 2000, (2.0,)) is None


def test_an_older_reading_does_not_overwrite_a_newer_one() -> None:
    book = CounterBook()
    old, new = book.reading("acme"), book.reading("acme")
    old.growth(name("a"), 1000, (1.0,))
    new.growth(name("a"), 2000, (5.0,))
    new.keep()
    old.keep()
    assert book.reading("acme").growth(name("a"), 3000, (6.0,)) == Growth(1.0, (1.0,))


@pytest.mark.parametrize("name", ["remote_write_v1", "remote_write_v2"])
def test_the_generated_modules_are_those_of_the_proto_files(name: str, tmp_path: Path) -> None:
    root = Path(__file__).parents[4]
    source = root / "api" / "intake" / "proto" / f"{name}.proto"
    assert protoc.main(["protoc", f"-I{root}", f"--python_out={tmp_path}", str(source)]) == 0
    committed = source.with_name(f"{name}_pb2.py")
    generated = tmp_path / committed.relative_to(root)
    assert _descriptor(generated) == _descriptor(committed)


def _descriptor(module: Path) -> bytes:
    """What the messages are, without what names the compiler's version."""
    literals = [one.value for one in ast.walk(ast.parse(module.read_text())) if isinstance(one, ast.Constant)]
    return max((one for one in literals if isinstance(one, bytes)), key=len)
