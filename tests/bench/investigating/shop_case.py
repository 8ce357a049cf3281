"""An incident of the demo's shop in memory, as large as the demo's: what its investigation would read from the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from agents.analysis.signals import (
    ChangeRecord,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)
from infra.cli.evaluation.recorded import alarm_record
from infra.local.shop.faults import FaultKind, choose_fault
from infra.local.shop.simulation import Shop
from infra.local.shop.topology import SHOP, shop_topology
from schemas.events import AlarmRaw, ChangeRaw, Event, KpiBatch, LogBatch

__all__ = ["near_the_alarm", "shop_case"]

_START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_LEAD_S, _BASELINE_S, _OBSERVE_S = 120.0, 1_800.0, 20.0
_TICKS_S = 90.0


def shop_case(kind: FaultKind = FaultKind.CPU_HOG, seed: int = 0) -> IncidentData:
    """Return what a shop of 17 services tells of one fault: half an hour before its first alarm, and 20 s after."""
    shop = Shop(seed, choose_fault(kind, seed), "local", _START)
    ticks = [*shop.history(_LEAD_S + _BASELINE_S), *shop.ticks(_TICKS_S)]
    events = [event for tick in ticks for event in tick.events]
    alarm = next(one for one in events if isinstance(one, AlarmRaw))
    window = _window(alarm.started_at.timestamp())
    return IncidentData(
        window=window,
        alarm_service=alarm.service,
        alarm_indicator=alarm.indicator,
        kpis=_series(events, window),
        alarms=tuple(
            alarm_record(one) for one in events if isinstance(one, AlarmRaw) and _is_in(one, window)
        ),
        logs=tuple(_lines(events, window)),
        changes=tuple(
            ChangeRecord(one.occurred_at.timestamp(), one.service, one.kind.value, one.title, one.event_id)
            for one in events
            if isinstance(one, ChangeRaw) and _is_in(one, window)
        ),
        topology=_topology(),
    )


def near_the_alarm(data: IncidentData) -> IncidentData:
    """Return what the alarmed service and those that it calls or that call it tell."""
    alarmed, calls = data.alarm_service, data.topology.calls
    near = {alarmed, *calls.get(alarmed, ()), *(name for name, called in calls.items() if alarmed in called)}
    return replace(
        data,
        kpis=tuple(one for one in data.kpis if one.service in near),
        logs=tuple(one for one in data.logs if one.service in near),
    )


def _window(alarm_at: float) -> Window:
    start = alarm_at - _LEAD_S
    return Window(start - _BASELINE_S, start, alarm_at + _OBSERVE_S, alarm_at)


def _is_in(event: Event, window: Window) -> bool:
    return window.baseline_start <= event.occurred_at.timestamp() <= window.end


def _series(events: Iterable[Event], window: Window) -> tuple[KpiSeries, ...]:
    columns: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for batch in events:
        if not isinstance(batch, KpiBatch):
            continue
        for one in batch.series:
            times, values = columns.setdefault((batch.service, one.metric), ([], []))
            times.extend(at / 1000 for at in one.times_ms)
            values.extend(one.values)
    return tuple(_cut(*name, *columns[name], window) for name in columns)


def _cut(
    service: str, metric: str, times: Sequence[float], values: Sequence[float], window: Window
) -> KpiSeries:
    at, level = np.array(times), np.array(values)
    inside = (at >= window.baseline_start) & (at <= window.end)
    return KpiSeries(service, metric, at[inside], level[inside])


def _lines(events: Iterable[Event], window: Window) -> Iterable[LogRecord]:
    for batch in events:
        if isinstance(batch, LogBatch):
            for line in batch.records:
                if window.baseline_start <= line.at.timestamp() <= window.end:
                    yield LogRecord(line.at.timestamp(), batch.service, line.message, line.severity.value)


def _topology() -> Topology:
    known = shop_topology("local")
    calls = {caller: frozenset(callees) for caller, callees in known.calls.items()}
    return Topology(calls, frozenset(SHOP), known.hosts)
