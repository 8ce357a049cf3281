"""kpis: a row per sample."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final, TypeVar

from schemas.events import Event, KpiBatch, KpiSamples
from sinks.clickhouse.client import Columns
from sinks.clickhouse.writers.columns import KEYWORD, Stamp, trailer
from sinks.ports import LandedMessage

__all__ = ["KPIS", "KpiWriter"]

_T = TypeVar("_T")
_NAMES: Final = ("tenant", "source", "service", "metric", "labels_json", "unit", "time", "value")
_TYPES: Final = (*[KEYWORD] * 6, "DateTime64(3, 'UTC')", "Float64")


class KpiWriter:
    """Expands batches to samples, column by column: no object is made per sample."""

    table = "kpis"
    event: type[Event] = KpiBatch

    def columns(self, messages: Sequence[LandedMessage], stamp: Stamp) -> Columns:
        batches = [_batch(message.event) for message in messages]
        rest = trailer(messages, [self.rows_of(batch) for batch in batches], stamp)
        data: list[Sequence[object]] = [*_names(batches), *_samples(batches), *rest.data]
        return Columns(_NAMES + rest.names, _TYPES + rest.types, data)

    def rows_of(self, event: Event) -> int:
        return sum(len(series.times_ms) for series in _batch(event).series)


KPIS = KpiWriter()


def _batch(event: Event) -> KpiBatch:
    assert isinstance(event, KpiBatch)
    return event


def _names(batches: Sequence[KpiBatch]) -> tuple[list[str], ...]:
    columns: tuple[list[str], ...] = ([], [], [], [], [], [])
    for batch in batches:
        for series in batch.series:
            values = (batch.tenant, batch.source, batch.service, *_identity(series))
            for column, value in zip(columns, values, strict=True):
                column.extend([value] * len(series.times_ms))
    return columns


def _identity(series: KpiSamples) -> tuple[str, str, str]:
    return series.metric, _canonical(series.labels), series.unit


def _samples(batches: Sequence[KpiBatch]) -> tuple[list[int], list[float]]:
    every = [series for batch in batches for series in batch.series]
    return _flat(one.times_ms for one in every), _flat(one.values for one in every)


def _flat(parts: Iterable[Sequence[_T]]) -> list[_T]:
    return list(chain.from_iterable(parts))


def _canonical(labels: Mapping[str, str]) -> str:
    """The same labels are the same text, so that they can be grouped by."""
    return json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":")) if labels else "{}"
