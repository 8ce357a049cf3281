"""KPI messages to frames without an object for each sample.

A message is compared with what its service sent before: where only times and values differ, they are read with numpy from
where they are. Where other series follow one another, each series is still written as before: its name is parsed and
validated only once. Anything out of the ordinary - another schema, arrays in several blocks, times before 1987 or after 2039,
anything invalid - goes the way of every event, `schemas.codec`, which also says what is wrong.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass, field

import numpy as np
from pydantic import ValidationError

from schemas.codec import MAGIC, MAX_BYTES
from schemas.events import KpiBatch, KpiSamples
from schemas.registry import SchemaRegistry, builtin_registry
from schemas.registry_reading import read_event_as
from streams.detect.alarms import SeriesName
from streams.detect.avro_bytes import DoubtError, expect, labels_at, long_at, text_at
from streams.detect.frames import Frame, Lineup, SeriesKey, frame_of
from streams.detect.layouts import TIME_BYTES, VALUE_BYTES, Layout, Spots

__all__ = ["FrameDecoder"]

_HEADER = struct.Struct(">bI")
_MOST_SERIES, _MOST_SAMPLES, _LONGEST_NAME = 10_000, 100_000, 256
_LATEST_MICROS = 2**52
_ONE = 2
"""The byte that says that an array's block has one item."""
_LAYOUTS = 4
_SAMPLES_PER_SERIES = 4
"""Layouts of messages with more are not remembered: they would take as much room as they are worth."""


@dataclass(slots=True)
class _Service:
    """How the series of a service are written: by what is written, which came first, whole messages by their length."""

    tenant: str
    name: str
    start: SeriesKey
    known: dict[bytes, SeriesKey] = field(default_factory=dict)
    layouts: dict[int, Layout] = field(default_factory=dict)


class FrameDecoder:
    """Remembers how series are written: at most `max_series`, then it starts afresh."""

    def __init__(self, registry: SchemaRegistry | None = None, *, max_series: int = 200_000) -> None:
        self._registry = registry or builtin_registry()
        self._head = _HEADER.pack(MAGIC, self._registry.current[KpiBatch.TOPIC].id)
        self._max_series = max_series
        self._services: dict[tuple[str, str], _Service] = {}
        self._remembered = 0

    async def decode(self, data: bytes | None) -> Frame:
        """Return the batch in a message of kpis.raw. Raises exactly when, and what, `read_event_as` does."""
        frame = self.short(data)
        return frame_of(await read_event_as(KpiBatch, data, self._registry)) if frame is None else frame

    def short(self, data: bytes | None) -> Frame | None:
        """Return the batch, or None where the message is not as expected: invalid, or only unusual."""
        if not data or not data.startswith(self._head) or len(data) > MAX_BYTES:
            return None
        try:
            return self._frame(data)
        except (DoubtError, IndexError, UnicodeDecodeError, ValidationError):
            return None

    def _frame(self, data: bytes) -> Frame:
        _, at = text_at(data, len(self._head))
        tenant, at = text_at(data, at)
        micros, at = long_at(data, at)
        source, at = text_at(data, at)
        name, at = text_at(data, at)
        named = all(1 <= len(one) <= _LONGEST_NAME for one in (tenant, source, name))
        expect(named and 0 <= micros < _LATEST_MICROS)
        service = self._service(tenant, name)
        layout = service.layouts.get(len(data) - at)
        if layout is not None and layout.fits(data, at):
            samples = layout.samples(data, at)
        else:
            layout = self._walk(data, at, service)
            samples = layout.samples(data)
            _remember(service, layout, data, at)
        return Frame(tenant, name, layout.lineup, *samples)

    def _service(self, tenant: str, name: str) -> _Service:
        service = self._services.get((tenant, name))
        if service is None:
            self._make_room()
            start = SeriesKey(SeriesName(tenant, name, "", ()))
            service = self._services[tenant, name] = _Service(tenant, name, start)
        return service

    def _walk(self, data: bytes, at: int, service: _Service) -> Layout:
        """Find where each series' samples are. Single samples are taken for what they seem, and checked together."""
        series, at = long_at(data, at)
        expect(1 <= series <= _MOST_SERIES)
        previous = service.start
        keys: list[SeriesKey] = []
        spots: list[tuple[int, int, int]] = []
        for _ in range(series):
            key = previous.follower
            if key is None or not data.startswith(key.written, at):
                key = previous.follower = self._key_at(data, at, service)
            keys.append(key)
            previous = key
            at += len(key.written)
            if data[at] == _ONE:
                spots.append((1, at + 1, at + 9))
                at += 18
            else:
                spot, at = _column_at(data, at)
                spots.append(spot)
        expect(at == len(data) - 1 and data[at] == 0)
        counts, times_at, values_at = np.array(spots, np.int64).T
        found = Spots(np.ascontiguousarray(counts), times_at, values_at)
        found.check(data)
        return Layout.of(Lineup(keys, found.counts), found)

    def _key_at(self, data: bytes, start: int, service: _Service) -> SeriesKey:
        metric, at = text_at(data, start)
        labels, at = labels_at(data, at)
        unit, at = text_at(data, at)
        written = data[start:at]
        key = service.known.get(written)
        if key is None:
            KpiSamples(metric=metric, labels=labels, unit=unit, times_ms=(0,), values=(0.0,))
            self._make_room()
            pairs = tuple(sorted((sys.intern(name), value) for name, value in labels.items()))
            key = SeriesKey(SeriesName(service.tenant, service.name, sys.intern(metric), pairs), written)
            service.known[written] = key
        return key

    def _make_room(self) -> None:
        self._remembered += 1
        if self._remembered > self._max_series:
            self._services.clear()
            self._remembered = 0


def _remember(service: _Service, layout: Layout, data: bytes, start: int) -> None:
    if layout.times_at.size > _SAMPLES_PER_SERIES * len(layout.lineup.keys):
        return
    if len(service.layouts) >= _LAYOUTS:
        service.layouts.clear()
    service.layouts[len(data) - start] = layout.remembering(data, start)


def _column_at(data: bytes, at: int) -> tuple[tuple[int, int, int], int]:
    count, times_at = long_at(data, at)
    expect(1 <= count <= _MOST_SAMPLES)
    again, values_at = long_at(data, times_at + TIME_BYTES * count + 1)
    expect(again == count)
    return (count, times_at, values_at), values_at + VALUE_BYTES * count + 1
