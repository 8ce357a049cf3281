# ruff: noqa: ARG002 - the signatures are the ports'
"""Telemetry in memory, as a store answers it: windows of time, within limits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np

from agents.analysis.signals import (
    AlarmRecord,
    CallStats,
    ChangeRecord,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
)
from agents.investigation.memory_delays import line_delays, sample_delays
from agents.ports import Delay, Fetched, QueryLimits

__all__ = ["MemoryWindows", "in_memory"]

T = TypeVar("T", AlarmRecord, CallStats, ChangeRecord, LogRecord)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class MemoryWindows:
    """`Windows` over one incident's data; the tenant is whoever asks. It answers at once: only rows and samples are limited."""

    data: IncidentData
    limits: QueryLimits | None = None

    def within(self, limits: QueryLimits) -> MemoryWindows:
        return MemoryWindows(self.data, limits)

    async def kpis(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[KpiSeries]:
        wanted = [one for one in self.data.kpis if services is None or one.service in services]
        cut = [_cut(one, start.timestamp(), end.timestamp()) for one in wanted]
        found = tuple(one for one in cut if one.times.size)
        kept = found if self.limits is None else _up_to(self.limits.samples, found)
        answer = in_memory("kpis", kept, sum(one.times.size for one in kept))
        return replace(answer, truncated=len(kept) < len(found))

    async def alarms(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[AlarmRecord]:
        found = _within("alarms", self.data.alarms, services, start, end)
        return found if self.limits is None else _first(self.limits.rows, found)

    async def logs(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[LogRecord]:
        found = _within("logs", self.data.logs, services, start, end)
        return found if self.limits is None else _thinned(self.limits.rows, found)

    async def changes(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[ChangeRecord]:
        found = _within("changes", self.data.changes, services, start, end)
        return found if self.limits is None else _latest(self.limits.rows, found)

    async def calls(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[CallStats]:
        found = _within("calls", self.data.calls, services, start, end)
        return found if self.limits is None else _first(self.limits.rows, found)

    async def topology(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Topology]:
        known = self.data.topology
        return in_memory("topology", (known,) if known != Topology() else (), len(known.calls))

    async def delays(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Delay]:
        first, last = start.timestamp(), end.timestamp()
        every = (
            *sample_delays(self.data.kpis, first, last),
            *line_delays(self.data.logs, first, last),
        )
        found = tuple(one for one in every if services is None or one.service in services)
        return in_memory("delays", found, len(found))


def _cut(series: KpiSeries, start: float, end: float) -> KpiSeries:
    first, last = np.searchsorted(series.times, start, "left"), np.searchsorted(series.times, end, "right")
    if first == 0 and last == series.times.size:
        return series
    return KpiSeries(
        series.service,
        series.metric,
        series.times[first:last],
        series.values[first:last],
        series.unit,
        series.labels,
    )


def _within(
    name: str, records: Sequence[T], services: Sequence[str] | None, start: datetime, end: datetime
) -> Fetched[T]:
    first, last = start.timestamp(), end.timestamp()
    kept = tuple(
        one for one in records if first <= one.time <= last and (services is None or one.service in services)
    )
    return in_memory(name, kept, len(kept))


def _up_to(samples: int, series: Sequence[KpiSeries]) -> tuple[KpiSeries, ...]:
    """As many series, from the first on, as have no more samples together."""
    together = itertools.accumulate(one.times.size for one in series)
    return tuple(one for one, so_far in zip(series, together, strict=True) if so_far <= samples)


def _first(rows: int, found: Fetched[T]) -> Fetched[T]:
    return replace(found, items=found.items[:rows], truncated=len(found.items) > rows)


def _latest(rows: int, found: Fetched[T]) -> Fetched[T]:
    by_time = sorted(found.items, key=lambda one: one.time)
    return replace(found, items=tuple(by_time[-rows:]), truncated=len(by_time) > rows)


def _thinned(rows: int, found: Fetched[T]) -> Fetched[T]:
    one_in = max(math.ceil(len(found.items) / rows), 1)
    return replace(found, items=found.items[::one_in], truncated=one_in > 1, one_in=one_in)


def in_memory(name: str, items: tuple[V, ...], rows: int) -> Fetched[V]:
    """Return an answer that took no time and says what it is of."""
    return Fetched(items=items, query=f"-- {name}, from memory", rows_read=rows, duration_ms=0)
