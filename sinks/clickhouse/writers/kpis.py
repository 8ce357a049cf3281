"""kpis: a row per sample."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from schemas.events import Event, KpiBatch
from sinks.clickhouse.native import (
    Counts,
    EncodedColumn,
    NativeBlock,
    array_of,
    block_of,
    keywords,
    numbers,
    repeated,
)
from sinks.clickhouse.writers.columns import Stamp
from sinks.ports import LandedMessage

__all__ = ["KPIS", "KpiWriter"]


class KpiWriter:
    """Expands batches to samples by runs of equal values: no object is made per sample."""

    table = "kpis"
    event: type[Event] = KpiBatch

    def columns(self, messages: Sequence[LandedMessage], stamp: Stamp) -> NativeBlock:
        batches = [_batch(message.event) for message in messages]
        per_message = np.array([self.rows_of(batch) for batch in batches], dtype=np.int64)
        columns = [*_names(batches), *_samples(batches), *_trailer(messages, per_message, stamp)]
        return block_of(columns, int(per_message.sum()))

    def rows_of(self, event: Event) -> int:
        return sum(len(series.times_ms) for series in _batch(event).series)


KPIS = KpiWriter()


def _batch(event: Event) -> KpiBatch:
    assert isinstance(event, KpiBatch)
    return event


def _names(batches: Sequence[KpiBatch]) -> list[EncodedColumn]:
    series = [(batch, one) for batch in batches for one in batch.series]
    counts = np.array([len(one.times_ms) for _, one in series], dtype=np.int64)
    return [
        keywords("tenant", [batch.tenant for batch, _ in series], counts),
        keywords("source", [batch.source for batch, _ in series], counts),
        keywords("service", [batch.service for batch, _ in series], counts),
        keywords("metric", [one.metric for _, one in series], counts),
        keywords("labels_json", _canonical([one.labels for _, one in series]), counts),
        keywords("unit", [one.unit for _, one in series], counts),
    ]


def _samples(batches: Sequence[KpiBatch]) -> list[EncodedColumn]:
    series = [one for batch in batches for one in batch.series]
    rows = sum(len(one.times_ms) for one in series)
    times = array_of(chain.from_iterable(one.times_ms for one in series), np.int64, rows)
    values = array_of(chain.from_iterable(one.values for one in series), np.float64, rows)
    return [numbers("time", "DateTime64(3, 'UTC')", times), numbers("value", "Float64", values)]


def _trailer(messages: Sequence[LandedMessage], counts: Counts, stamp: Stamp) -> list[EncodedColumn]:
    rows = int(counts.sum())
    within = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
    expiries = [stamp.expires_at[message.event.tenant] for message in messages]
    landed_at = np.full(rows, stamp.landed_at_ms, dtype=np.int64)
    return [
        keywords("_topic", [message.topic for message in messages], counts),
        keywords("_epoch", [stamp.epoch] * len(messages), counts),
        repeated("_partition", "Int32", np.int32, [message.partition for message in messages], counts),
        repeated("_offset", "Int64", np.int64, [message.offset for message in messages], counts),
        numbers("_index", "UInt32", within.astype(np.uint32)),
        numbers("landed_at", "DateTime64(3, 'UTC')", landed_at),
        repeated("expires_at", "DateTime('UTC')", np.uint32, expiries, counts),
    ]


def _canonical(all_labels: Sequence[Mapping[str, str]]) -> list[str]:
    """The same labels are the same text, so that they can be grouped by. Written once: they come again and again."""
    texts: dict[tuple[tuple[str, str], ...], str] = {}
    names = [tuple(labels.items()) for labels in all_labels]
    for name in names:
        if name not in texts:
            texts[name] = json.dumps(dict(name), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return [texts[name] for name in names]
