"""Vitals as measurements: each with its own noise, collected into batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random

from infra.local.shop.flow import Vitals
from infra.local.shop.load import Jitter
from infra.local.shop.topology import SHOP, Service
from schemas.events import KpiBatch, KpiSamples

__all__ = ["SOURCE", "KpiCollector", "Measured", "Meter"]

SOURCE = "shop"
Measured = Mapping[str, float]
"""Values of one service by metric."""
_MEMORY_S = 8.0


@dataclass(frozen=True, slots=True)
class _Metric:
    """A metric's unit, the relative deviation of its noise, and its ceiling (1 for shares)."""

    unit: str
    noise: float
    ceiling: float | None = None


_METRICS: Mapping[str, _Metric] = {
    "request_rate": _Metric("1/s", 0.04),
    "error_rate": _Metric("1", 0.25, 1.0),
    "latency_p50_ms": _Metric("ms", 0.04),
    "latency_p95_ms": _Metric("ms", 0.07),
    "cpu_usage": _Metric("1", 0.05, 1.0),
    "cpu_steal": _Metric("1", 0.2, 1.0),
    "memory_bytes": _Metric("By", 0.012),
    "gc_pause_ms": _Metric("ms", 0.15),
    "disk_used_ratio": _Metric("1", 0.0005, 1.0),
    "disk_io_wait": _Metric("1", 0.15, 1.0),
    "pool_in_use": _Metric("1", 0.08, 1.0),
    "pool_wait_ms": _Metric("ms", 0.2),
    "net_retransmits": _Metric("1/s", 0.15),
    "threads": _Metric("1", 0.03),
}


class Meter:
    """Measures vitals with seeded noise."""

    def __init__(self, rng: Random) -> None:
        self._jitter = Jitter(rng, _MEMORY_S)

    def measure(self, service: Service, vitals: Vitals, step_s: float) -> Measured:
        """Return the service's metrics of one tick of `step_s` seconds."""
        return {
            metric: self._noisy(f"{service.name}|{metric}", value, _METRICS[metric], step_s)
            for metric, value in _values(service, vitals).items()
        }

    def _noisy(self, name: str, value: float, metric: _Metric, step_s: float) -> float:
        if metric.ceiling is not None and value >= metric.ceiling:
            # What is exhausted does not tremble.
            return metric.ceiling
        noise = max(-0.9, metric.noise * self._jitter.next(name, step_s))
        noisy = value * (1.0 + noise)
        if metric.ceiling is not None:
            noisy = min(metric.ceiling, noisy)
        return float(f"{noisy:.6g}")


def _values(service: Service, vitals: Vitals) -> dict[str, float]:
    values = {
        "request_rate": vitals.rate,
        "error_rate": vitals.errors,
        "latency_p50_ms": vitals.p50_ms,
        "latency_p95_ms": vitals.p95_ms,
        "cpu_usage": vitals.cpu,
        "cpu_steal": vitals.steal,
        "memory_bytes": vitals.memory,
        "disk_used_ratio": vitals.disk,
        "disk_io_wait": vitals.io_wait,
        "net_retransmits": vitals.retransmits,
        "threads": vitals.threads,
    }
    if not service.store:
        values["gc_pause_ms"] = vitals.gc_ms
    if service.pooled:
        values |= {"pool_in_use": vitals.pool, "pool_wait_ms": vitals.pool_wait_ms}
    return values


class KpiCollector:
    """Gathers measurements of all services and cuts a batch a service when asked."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant
        self._times: list[datetime] = []
        self._columns: dict[str, dict[str, list[float]]] = {}

    def add(self, at: datetime, measured: Mapping[str, Measured]) -> None:
        """Note one tick's measurements of every service."""
        self._times.append(at)
        for service, values in measured.items():
            columns = self._columns.setdefault(service, {})
            for metric, value in values.items():
                columns.setdefault(metric, []).append(value)

    def cut(self) -> tuple[KpiBatch, ...]:
        """Return what was gathered since the last cut, a batch a service, and forget it."""
        if not self._times:
            return ()
        times_ms = tuple(round(at.timestamp() * 1000) for at in self._times)
        batches = tuple(self._batch(service, columns, times_ms) for service, columns in self._columns.items())
        self._times, self._columns = [], {}
        return batches

    def _batch(self, service: str, columns: Mapping[str, list[float]], times_ms: tuple[int, ...]) -> KpiBatch:
        labels = {"host": SHOP[service].host, "instance": f"{service}-0"}
        return KpiBatch(
            tenant=self._tenant,
            occurred_at=self._times[-1],
            source=SOURCE,
            service=service,
            series=tuple(
                KpiSamples(
                    metric=metric,
                    labels=labels,
                    unit=_METRICS[metric].unit,
                    times_ms=times_ms,
                    values=tuple(values),
                )
                for metric, values in columns.items()
            ),
        )
