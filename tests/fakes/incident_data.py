"""Small made-up incidents in memory: a shop of five services, a fault, its symptoms upstream, and their alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agents.analysis.signals import (
    AlarmRecord,
    ChangeRecord,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)

__all__ = ["ALARM_AT", "EARLIER", "bad_deploy", "bad_deploy_again", "empty", "healthy", "without"]

ALARM_AT = 1_790_000_000.0
_SERVICES = ("frontend", "checkout", "cart", "payment", "catalogue")
_CALLS = {
    "frontend": frozenset({"checkout", "catalogue"}),
    "checkout": frozenset({"cart", "payment"}),
}
_STEP_S = 5.0
_BEFORE_S = 1920.0
_AFTER_S = 60.0
_FAULT_S = 40.0
_FACTORS = {
    ("cart", "cpu_usage"): 4.0,
    ("cart", "latency_p95"): 9.0,
    ("checkout", "latency_p95"): 4.0,
    ("frontend", "latency_p95"): 2.5,
}
EARLIER = (ALARM_AT - 1400.0, ALARM_AT - 700.0)
"""When `bad_deploy_again` was there before."""


def healthy(seed: int = 7) -> IncidentData:
    """An alarm, and nothing behind it."""
    rng = np.random.default_rng(seed)
    kpis = tuple(series for service in _SERVICES for series in _normal(service, rng))
    times = np.arange(ALARM_AT - _BEFORE_S, ALARM_AT + _AFTER_S, 4.0)
    logs = tuple(
        LogRecord(float(at), service, f"GET /{service} 200 in 12 ms") for service in _SERVICES for at in times
    )
    return IncidentData(
        window=Window(ALARM_AT - _BEFORE_S, ALARM_AT - 120.0, ALARM_AT + _AFTER_S, ALARM_AT),
        alarm_service="frontend",
        alarm_indicator="latency_p95",
        kpis=kpis,
        logs=logs,
        alarms=(_alarm(ALARM_AT, "frontend", "latency_p95"),),
        topology=Topology(calls=_CALLS, nodes=frozenset(_SERVICES)),
    )


def bad_deploy(seed: int = 7) -> IncidentData:
    """A deploy of cart 60 s before the alarm: its CPU, errors and latency rise, checkout and frontend get slow."""
    calm = healthy(seed)
    kpis = tuple(_shifted(one) for one in calm.kpis)
    start = ALARM_AT - _FAULT_S
    errors = tuple(
        LogRecord(start + i, "cart", f"NullPointerException in CartItem.merge item {i}", "error")
        for i in range(90)
    )
    alarms = (
        _alarm(ALARM_AT - 10, "cart", "cpu_usage"),
        *calm.alarms,
        _alarm(ALARM_AT + 5, "checkout", "latency_p95"),
    )
    deploy = ChangeRecord(start - 15, "cart", "deploy", "deploy cart 1.4.2", "chg-1")
    return replace(calm, kpis=kpis, logs=(*calm.logs, *errors), alarms=alarms, changes=(deploy,))


def bad_deploy_again(seed: int = 7) -> IncidentData:
    """The same for the second time in half an hour: of the baseline, `EARLIER` is as bad."""
    data = bad_deploy(seed)
    first, last = EARLIER
    kpis = tuple(_shifted(one, first, last) for one in data.kpis)
    errors = tuple(
        replace(one, time=first + 600.0 * place / 90)
        for place, one in enumerate(line for line in data.logs if line.severity == "error")
    )
    return replace(data, kpis=kpis, logs=(*errors, *data.logs), changes=())


def empty() -> IncidentData:
    """An alarm, and nothing that could be read about it."""
    calm = healthy()
    return replace(calm, kpis=(), logs=(), alarms=(), topology=Topology())


def without(data: IncidentData, services: Sequence[str]) -> IncidentData:
    """The same without the measurements and log lines of these services."""
    return replace(
        data,
        kpis=tuple(one for one in data.kpis if one.service not in services),
        logs=tuple(one for one in data.logs if one.service not in services),
    )


def _normal(service: str, rng: np.random.Generator) -> list[KpiSeries]:
    times = np.arange(ALARM_AT - _BEFORE_S, ALARM_AT + _AFTER_S, _STEP_S)
    levels = {"cpu_usage": 0.2, "latency_p95": 40.0, "memory_usage": 0.5, "requests": 100.0}
    return [
        KpiSeries(service, metric, times, level * (1 + 0.03 * rng.standard_normal(times.size)))
        for metric, level in levels.items()
    ]


def _shifted(
    series: KpiSeries, first: float = ALARM_AT - _FAULT_S, last: float = ALARM_AT + _AFTER_S
) -> KpiSeries:
    factor = _FACTORS.get((series.service, series.metric), 1.0)
    wrong = (series.times >= first) & (series.times < last)
    return replace(series, values=np.where(wrong, series.values * factor, series.values))


def _alarm(at: float, service: str, indicator: str) -> AlarmRecord:
    return AlarmRecord(
        at, service, f"High {indicator}", indicator=indicator, detail=f"{indicator} above limit"
    )
