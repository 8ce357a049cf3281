"""Samples to KPI batches, log records to log batches: by service, in order of time, no message too large."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from api.intake.moments import of_ms
from schemas.events import KpiBatch, KpiSamples, LogBatch, LogLine

__all__ = ["KpiColumns", "LogColumns", "SeriesName"]

_BYTES: Final = 512 * 1024
"""Of one message, roughly: brokers refuse more than 1 MiB unless told otherwise."""
_SAMPLES: Final = 10_000
_LINES: Final = 1_000
_SAMPLE_BYTES: Final = 16
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SeriesName:
    """What makes samples one series. `labels` are sorted pairs."""

    source: str
    service: str
    metric: str
    unit: str
    labels: tuple[tuple[str, str], ...]

    @property
    def bytes(self) -> int:
        """How much it takes in a message, roughly: no character of UTF-8 has more than four bytes."""
        return 4 * (
            len(self.metric) + len(self.unit) + sum(len(name) + len(value) for name, value in self.labels)
        )


@dataclass(slots=True)
class KpiColumns:
    """Collects samples, and gives them back in batches. A value that is no finite number is a missing sample."""

    _series: dict[SeriesName, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, name: SeriesName, time_ms: int, value: float) -> None:
        """`name` and `time_ms` are valid: nothing is checked here."""
        self._series.setdefault(name, []).append((time_ms, value if math.isfinite(value) else math.nan))

    def batches(self, tenant: str) -> Iterator[KpiBatch]:
        """Yield the batches, those of one service in order of time within each series."""
        by_service: dict[tuple[str, str], list[SeriesName]] = defaultdict(list)
        for name in self._series:
            by_service[name.source, name.service].append(name)
        for (source, service), names in by_service.items():
            for columns in _packed(self._pieces(names), _size):
                yield _kpi_batch(tenant, source, service, columns)

    def _pieces(self, names: Iterable[SeriesName]) -> Iterator[_Column]:
        for name in names:
            samples = sorted(self._series[name], key=lambda one: one[0])
            for start in range(0, len(samples), _SAMPLES):
                yield name, samples[start : start + _SAMPLES]


@dataclass(slots=True)
class LogColumns:
    """Collects log records, and gives them back in batches, in the order in which they came."""

    _lines: dict[tuple[str, str], list[LogLine]] = field(default_factory=dict)

    def add(self, source: str, service: str, line: LogLine) -> None:
        self._lines.setdefault((source, service), []).append(line)

    def batches(self, tenant: str) -> Iterator[LogBatch]:
        for (source, service), lines in self._lines.items():
            for start in range(0, len(lines), _LINES):
                for packed in _packed(lines[start : start + _LINES], _line_size):
                    yield LogBatch(
                        tenant=tenant,
                        source=source,
                        service=service,
                        occurred_at=max(line.at for line in packed),
                        records=tuple(packed),
                    )


_Column = tuple[SeriesName, Sequence[tuple[int, float]]]


def _packed(pieces: Iterable[_T], size: Callable[[_T], int]) -> Iterator[list[_T]]:
    """Put as many pieces together as fit a message, in order; one that is too large by itself goes alone."""
    packed: list[_T] = []
    filled = 0
    for piece in pieces:
        if packed and filled + size(piece) > _BYTES:
            yield packed
            packed, filled = [], 0
        packed.append(piece)
        filled += size(piece)
    if packed:
        yield packed


def _size(column: _Column) -> int:
    name, samples = column
    return name.bytes + _SAMPLE_BYTES * len(samples) + 64


def _line_size(line: LogLine) -> int:
    attributes = sum(len(name) + len(value) for name, value in line.attributes.items())
    return 4 * (len(line.message) + len(line.entity) + len(line.trace_id) + attributes) + 32


def _kpi_batch(tenant: str, source: str, service: str, columns: Sequence[_Column]) -> KpiBatch:
    return KpiBatch(
        tenant=tenant,
        source=source,
        service=service,
        occurred_at=of_ms(max(samples[-1][0] for _, samples in columns)),
        series=tuple(
            KpiSamples(
                metric=name.metric,
                unit=name.unit,
                labels=dict(name.labels),
                times_ms=tuple(at for at, _ in samples),
                values=tuple(value for _, value in samples),
            )
            for name, samples in columns
        ),
    )
