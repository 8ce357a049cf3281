"""Prometheus remote write, 1.0 and 2.0, to KPI batches.

https://prometheus.io/docs/specs/prw/remote_write_spec/, https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/

A counter (by its metadata in 2.0, else by its name: `_total`, `_count`, `_sum`, `_bucket`) becomes a rate per second
under its own name. A stale marker says that a series has ended: it is taken, and no sample. Native histograms are not
supported.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Final

from api.intake.columns import KpiColumns, SeriesName
from api.intake.counters import Reading
from api.intake.json_text import media_type
from api.intake.labels import called_service, service_of
from api.intake.moments import checked_ms
from api.intake.parsed import Arrival, ItemProblem, Parsed, check_count, problem_of
from api.intake.refusal import ItemError, ItemReason, RefusalKind, RefusedError
from api.intake.rows import series_name
from api.intake.units import rate_of
from api.intake.wire_series import NAME, WireSample, WireSeries, read_v1, read_v2

__all__ = ["STALE", "Version", "parse", "version_of"]

_DOUBLE: Final = struct.Struct("<d")
STALE: Final = struct.pack("<Q", 0x7FF0000000000002)
"""The NaN that says a series has ended: the bytes of a little-endian double."""


class Version(StrEnum):
    """Which message a body is, by the `proto` parameter of its Content-Type."""

    V1 = "prometheus.WriteRequest"
    V2 = "io.prometheus.write.v2.Request"


def version_of(content_type: str) -> Version:
    """Return the message; 1.0 where the Content-Type does not say. Raises RefusedError: MEDIA_TYPE."""
    if media_type(content_type) == "application/x-protobuf":
        name = _parameter(content_type, "proto") or Version.V1.value
        if name in {one.value for one in Version}:
            return Version(name)
    raise RefusedError(
        RefusalKind.MEDIA_TYPE,
        f"Remote write is not {content_type[:80]!r}.",
        cure=f"Send application/x-protobuf;proto= and one of {', '.join(Version)}.",
    )


def _parameter(content_type: str, name: str) -> str:
    for part in content_type.split(";")[1:]:
        key, _, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return ""


def parse(body: bytes, version: Version, arrival: Arrival, counters: Reading) -> Parsed:
    """Return the KPI batches of a body that is not compressed. An item is a sample or a histogram.

    Raises:
        RefusedError: MALFORMED, TOO_MANY.
    """
    series = read_v1(body) if version is Version.V1 else read_v2(body)
    check_count(sum(len(one.samples) + one.histograms for one in series), arrival.limits)
    taking = _Taking(arrival, counters)
    for place, one in enumerate(series):
        taking.take(place, one)
    return Parsed(tuple(taking.columns.batches(arrival.tenant)), taking.accepted, tuple(taking.problems))


class _Taking:
    """The samples of one request, as they are sorted out."""

    def __init__(self, arrival: Arrival, counters: Reading) -> None:
        self.columns = KpiColumns()
        self.problems: list[ItemProblem] = []
        self.accepted = 0
        self._arrival = arrival
        self._counters = counters
        self._seen = 0

    def take(self, place: int, series: WireSeries) -> None:
        where = f"/timeseries/{place}"
        if series.histograms:
            error = ItemError(ItemReason.UNSUPPORTED, "native histograms are not supported")
            for number in range(series.histograms):
                self._refuse(error, f"{where}/histograms/{number}", None)
        if not series.samples:
            return
        try:
            name, grows = self._named(series)
        except ItemError as error:
            self._refuse_all(error, series, where)
            return
        for number, sample in enumerate(series.samples):
            try:
                self._sample(name, sample, grows=grows)
            except ItemError as error:
                self._refuse(error, f"{where}/samples/{number}", series.raw(number))
            else:
                self.accepted += 1
                self._seen += 1

    def _named(self, series: WireSeries) -> tuple[SeriesName, bool]:
        limits = self._arrival.limits
        labels = series.labels()
        metric = labels.pop(NAME)
        service = called_service(metric, labels) or service_of(labels)
        grows = series.grows(metric)
        unit = series.unit(metric)
        name = series_name(
            self._arrival.source, service, metric, rate_of(unit) if grows else unit, labels, limits
        )
        return name, grows

    def _sample(self, name: SeriesName, sample: WireSample, *, grows: bool) -> None:
        time_ms = checked_ms(sample.timestamp)
        value = sample.value
        if _DOUBLE.pack(value) == STALE:
            return
        if not grows:
            self.columns.add(name, time_ms, value)
            return
        growth = self._counters.growth(name, time_ms, (value,))
        if growth is not None:
            self.columns.add(name, time_ms, growth.amounts[0] / growth.seconds)

    def _refuse_all(self, error: ItemError, series: WireSeries, where: str) -> None:
        """What is wrong with the series is wrong with each of its samples; it is kept once."""
        for number in range(len(series.samples)):
            raw = series.raw() if number == 0 else None
            self._refuse(error, where + error.pointer, raw)

    def _refuse(self, error: ItemError, pointer: str, raw: bytes | None) -> None:
        bare = ItemError(error.reason, error.detail)
        self.problems.append(problem_of(bare, self._seen, pointer, raw, self._arrival.limits))
        self._seen += 1
