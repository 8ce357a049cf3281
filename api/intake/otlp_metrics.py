"""OTLP metrics to KPI batches.

A gauge, and a sum that also falls, are samples. A sum that only grows becomes a rate per second under its own name.
A histogram or summary `m` becomes `m.count` (a rate per second), `m.mean`, and `m.p95` (of a summary, what it brings).
An exponential histogram has no `p95`. Cumulative and delta temporality come out alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from api.intake.columns import KpiColumns, SeriesName
from api.intake.counters import Growth, Reading
from api.intake.histograms import quantile
from api.intake.labels import called_service
from api.intake.moments import checked_ms
from api.intake.otlp import Encoding, attributes, origin_labels, read_request, service_name
from api.intake.parsed import Arrival, Item, Parsed, check_count, sort_out
from api.intake.refusal import ItemError, ItemReason
from api.intake.rows import series_name
from api.intake.units import rate_of

__all__ = ["parse"]

_ABSENT: Final = otlp.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_CUMULATIVE: Final = otlp.AGGREGATION_TEMPORALITY_CUMULATIVE
_DELTA: Final = otlp.AGGREGATION_TEMPORALITY_DELTA
_HIGH: Final = 0.95
_LONGEST: Final = 240
"""Of a name that gets an ending."""

_Distribution = otlp.HistogramDataPoint | otlp.ExponentialHistogramDataPoint | otlp.SummaryDataPoint
_Point = otlp.NumberDataPoint | _Distribution


@dataclass(frozen=True, slots=True)
class _Told:
    """One data point with what it stands in."""

    service: str
    origin: dict[str, str]
    metric: otlp.Metric
    point: _Point
    temporality: int
    pointer: str


def parse(body: bytes, encoding: Encoding, arrival: Arrival, counters: Reading) -> Parsed:
    """Return the KPI batches of a body that is not compressed. An item is a data point.

    Raises:
        RefusedError: MALFORMED, TOO_DEEP, TOO_MANY.
    """
    request = read_request(ExportMetricsServiceRequest(), body, encoding, arrival.limits)
    told = list(_points(request))
    check_count(len(told), arrival.limits)
    taking = _Taking(arrival, counters)
    items = [Item(index, one.pointer, one) for index, one in enumerate(told)]
    good, bad = sort_out(items, taking.take, arrival.limits, raw=_raw)
    return Parsed(tuple(taking.columns.batches(arrival.tenant)), len(good), tuple(bad))


def _raw(item: Item) -> bytes:
    assert isinstance(item.value, _Told)
    return item.value.point.SerializeToString()


def _points(request: ExportMetricsServiceRequest) -> Iterator[_Told]:
    for place, resource in enumerate(request.resource_metrics):
        named = attributes(resource.resource.attributes)
        service, origin = service_name(named), origin_labels(named)
        for scope, scoped in enumerate(resource.scope_metrics):
            for number, metric in enumerate(scoped.metrics):
                kind, points, temporality = _content(metric)
                where = f"/resourceMetrics/{place}/scopeMetrics/{scope}/metrics/{number}/{kind}/dataPoints"
                for index, point in enumerate(points):
                    yield _Told(service, origin, metric, point, temporality, f"{where}/{index}")


def _content(metric: otlp.Metric) -> tuple[str, Sequence[_Point], int]:
    match metric.WhichOneof("data"):
        case "gauge":
            return "gauge", metric.gauge.data_points, _CUMULATIVE
        case "sum":
            return "sum", metric.sum.data_points, metric.sum.aggregation_temporality
        case "histogram":
            return "histogram", metric.histogram.data_points, metric.histogram.aggregation_temporality
        case "exponential_histogram":
            found = metric.exponential_histogram
            return "exponentialHistogram", found.data_points, found.aggregation_temporality
        case "summary":
            return "summary", metric.summary.data_points, _CUMULATIVE
        case _:
            return "none", (), _CUMULATIVE


class _Taking:
    """The data points of one request, as they are sorted out."""

    def __init__(self, arrival: Arrival, counters: Reading) -> None:
        self.columns = KpiColumns()
        self._arrival = arrival
        self._counters = counters

    def take(self, item: Item) -> None:
        """Raises ItemError."""
        told = item.value
        assert isinstance(told, _Told)
        name, time_ms = self._name(told), checked_ms(told.point.time_unix_nano // 1_000_000)
        if told.point.flags & _ABSENT:
            return
        if isinstance(told.point, otlp.NumberDataPoint):
            self._number(name, told, told.point, time_ms)
        else:
            self._distribution(name, told, told.point, time_ms)

    def _name(self, told: _Told) -> SeriesName:
        labels = told.origin | attributes(told.point.attributes)
        source, limits = self._arrival.source, self._arrival.limits
        service = called_service(told.metric.name, labels) or told.service
        return series_name(source, service, told.metric.name, told.metric.unit, labels, limits)

    def _number(self, name: SeriesName, told: _Told, point: otlp.NumberDataPoint, time_ms: int) -> None:
        value = float(point.as_int) if point.WhichOneof("value") == "as_int" else point.as_double
        if told.metric.WhichOneof("data") == "sum" and told.metric.sum.is_monotonic:
            growth = self._growth(name, told, time_ms, (value,))
            if growth is not None:
                self._add(name, "", rate_of(name.unit), time_ms, growth.amounts[0] / growth.seconds)
        elif told.temporality == _CUMULATIVE:
            self.columns.add(name, time_ms, value)
        else:
            detail = (
                "a sum that also falls needs cumulative temporality: its changes alone do not tell its level"
            )
            raise ItemError(ItemReason.UNSUPPORTED, detail)

    def _distribution(self, name: SeriesName, told: _Told, point: _Distribution, time_ms: int) -> None:
        if len(name.metric) > _LONGEST:
            detail = f"the name of a distribution has {len(name.metric)} characters, more than {_LONGEST}"
            raise ItemError(ItemReason.INVALID_VALUE, detail)
        counts: Sequence[float] = ()
        bounds: Sequence[float] = ()
        if isinstance(point, otlp.HistogramDataPoint):
            counts, bounds = point.bucket_counts, point.explicit_bounds
        growth = self._growth(name, told, time_ms, (float(point.count), point.sum, *map(float, counts)))
        if isinstance(point, otlp.SummaryDataPoint):
            for one in point.quantile_values:
                if not 0 <= one.quantile <= 1:
                    raise ItemError(ItemReason.INVALID_VALUE, "a quantile is between 0 and 1")
            for one in point.quantile_values:
                self._add(name, f".p{one.quantile * 100:g}", name.unit, time_ms, one.value)
        if growth is None:
            return
        count, total, *buckets = growth.amounts
        self._add(name, ".count", "1/s", time_ms, count / growth.seconds)
        if count > 0:
            self._add(name, ".mean", name.unit, time_ms, total / count)
            high = quantile(_HIGH, bounds, buckets)
            if high is not None:
                self._add(name, ".p95", name.unit, time_ms, high)

    def _growth(
        self, name: SeriesName, told: _Told, time_ms: int, values: tuple[float, ...]
    ) -> Growth | None:
        if told.temporality == _CUMULATIVE:
            return self._counters.growth(name, time_ms, values)
        if told.temporality != _DELTA:
            raise ItemError(ItemReason.INVALID_VALUE, "the temporality is neither cumulative nor delta")
        seconds = (told.point.time_unix_nano - told.point.start_time_unix_nano) / 1e9
        if seconds <= 0 or not told.point.start_time_unix_nano:
            detail = "a delta needs a start time before its time"
            raise ItemError(ItemReason.INVALID_VALUE, detail, pointer="/startTimeUnixNano")
        return Growth(seconds, values)

    def _add(self, name: SeriesName, suffix: str, unit: str, time_ms: int, value: float) -> None:
        self.columns.add(replace(name, metric=name.metric + suffix, unit=unit), time_ms, value)
