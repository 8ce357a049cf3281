"""How load, waiting and failure travel along the calls, one tick at a time.

Load flows down: a service calls others for each request that has not failed yet, and again for calls that did.
Time and failures flow up: a caller waits for those it calls until its time-out, then fails. Little's law fills
connection pools; an M/M/1-like stretch makes a busy CPU slow (Kleinrock, Queueing Systems I, 1975).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from infra.local.shop.stress import CALM, Stress
from infra.local.shop.topology import ENTRY, ENTRY_RATE, NOMINAL_RATE, SHOP, TOP_DOWN, Call, Service

__all__ = ["NOMINAL", "Flow", "Vitals"]

_SPREAD = 2.2
"""Healthy p95 over p50 of a service's own time."""
_BASE_ERRORS = 0.002
_BASE_STEAL = 0.015
_BASE_GC_MS = 6.0
_POOL_SHARE = 0.3
_RETRIES = 0.35
_MAX_STRETCH = 14.0
_LIGHT_WORK = 0.25


@dataclass(frozen=True, slots=True)
class Vitals:
    """One service in one tick. Rates are per second, times milliseconds, shares in [0, 1]."""

    rate: float
    errors: float
    p50_ms: float
    p95_ms: float
    cpu: float
    steal: float
    memory: float
    gc_ms: float
    disk: float
    io_wait: float
    pool: float
    pool_wait_ms: float
    retransmits: float
    threads: float
    timeouts: Mapping[str, float]
    """Share of the calls of each callee that timed out or failed."""


@dataclass(frozen=True, slots=True)
class _Spent:
    """Where a request's time goes: median and tail above it in ms, share of requests that no call failed."""

    p50_ms: float
    tail_ms: float
    passed: float
    timeouts: Mapping[str, float]


class Flow:
    """The shop's state from one tick to the next: what failed or was refused in the last one."""

    def __init__(self, usual: Mapping[str, Vitals] | None = None) -> None:
        self._usual = NOMINAL if usual is None else usual
        self._failed: dict[tuple[str, str], float] = {}
        self._refused: dict[str, float] = {}

    def step(self, load: float, stress: Mapping[str, Stress]) -> dict[str, Vitals]:
        """Return every service's vitals at `load` (1 is the day's mean) under `stress`; services not named are calm."""
        rates = self._rates(load, stress)
        vitals: dict[str, Vitals] = {}
        for name in reversed(TOP_DOWN):
            vitals[name] = self._vitals(SHOP[name], rates[name], stress.get(name, CALM), vitals)
        return {name: vitals[name] for name in SHOP}

    def _rates(self, load: float, stress: Mapping[str, Stress]) -> dict[str, float]:
        rates = dict.fromkeys(SHOP, 0.0) | {ENTRY: ENTRY_RATE * load}
        for name in TOP_DOWN:
            own = stress.get(name, CALM)
            going = rates[name] * (1.0 - own.errors) * (1.0 - self._refused.get(name, 0.0))
            for call in SHOP[name].calls:
                failed = self._failed.get((name, call.callee), 0.0)
                rates[call.callee] += going * call.per_request * own.calls * (1.0 + _RETRIES * failed)
                going *= 1.0 - min(1.0, call.per_request) * failed
        return rates

    def _vitals(self, service: Service, rate: float, own: Stress, below: Mapping[str, Vitals]) -> Vitals:
        total = rate + own.extra_rate
        relative = total / NOMINAL_RATE[service.name]
        cpu = _cpu(service, rate, own)
        pool, wait_ms, refused = self._pool(service, rate, own, below)
        self._refused[service.name] = refused
        spent = self._spent(service, own, cpu, wait_ms, below)
        passed = (1.0 - _BASE_ERRORS) * (1.0 - own.errors) * (1.0 - refused) * spent.passed
        return Vitals(
            rate=total,
            errors=1.0 - passed,
            p50_ms=spent.p50_ms,
            p95_ms=spent.p50_ms + spent.tail_ms,
            cpu=min(1.0, cpu + own.batch),
            steal=_BASE_STEAL + own.steal,
            memory=service.memory * own.memory * (0.96 + 0.04 * relative),
            gc_ms=_BASE_GC_MS + own.gc_ms,
            disk=min(1.0, service.disk + own.disk),
            io_wait=(0.02 if service.store else 0.006) + own.io_wait,
            pool=pool,
            pool_wait_ms=0.4 + wait_ms,
            retransmits=0.5 + 0.01 * total + own.retransmits,
            threads=service.threads * own.threads * (0.9 + 0.1 * relative) + _waiting(wait_ms),
            timeouts=spent.timeouts,
        )

    def _spent(
        self, service: Service, own: Stress, cpu: float, wait_ms: float, below: Mapping[str, Vitals]
    ) -> _Spent:
        stretched = service.own_ms * _stretch(service.cpu, cpu / max(0.05, 1.0 - own.steal))
        stretched *= own.slow * (1.0 + 9.0 * own.io_wait)
        p50 = stretched + own.delay_ms + wait_ms + 0.15 * own.gc_ms
        # Independent tails add up in squares.
        tails = [stretched * (_SPREAD - 1), own.gc_ms, 0.5 * (own.delay_ms + wait_ms)]
        timeouts: dict[str, float] = {}
        passed = 1.0
        for call in service.calls:
            callee, limit = below[call.callee], self._timeout_ms(call.callee)
            failed = _failed_share(callee, limit)
            self._failed[service.name, call.callee] = timeouts[call.callee] = failed
            usual, needed = min(callee.p50_ms, limit), min(1.0, call.per_request)
            p50 += call.per_request * own.calls * usual
            tails.append(_weight(call, own) * (min(callee.p95_ms, limit) - needed * usual))
            # Some failed calls are tried once more.
            passed *= 1.0 - needed * failed ** (1.0 + _RETRIES)
        return _Spent(p50, math.hypot(*tails), passed, timeouts)

    def _pool(
        self, service: Service, rate: float, own: Stress, below: Mapping[str, Vitals]
    ) -> tuple[float, float, float]:
        """Share of the pool in use, wait for a connection in ms, share of requests refused one."""
        if not service.pooled:
            return 0.0, 0.0, 0.0
        base = self._usual.get(service.pooled)
        held = rate / NOMINAL_RATE[service.name] * own.calls
        slower = below[service.pooled].p50_ms / base.p50_ms if base else 1.0
        wanted = _POOL_SHARE * held * (1.0 + 0.2 * (slower - 1.0)) + own.held
        over = max(0.0, wanted - 0.8)
        return min(1.0, wanted), min(600.0, 500.0 * over), min(0.4, 0.5 * max(0.0, wanted - 1.0))

    def _timeout_ms(self, callee: str) -> float:
        """How long callers wait: eight times the normal tail, at least a quarter of a second."""
        base = self._usual.get(callee)
        return max(250.0, 8.0 * base.p95_ms) if base else math.inf


def _cpu(service: Service, rate: float, own: Stress) -> float:
    """Share of the quota that requests use; light ones cost a part of an ordinary one."""
    busy = service.cpu * (rate + _LIGHT_WORK * own.extra_rate) / NOMINAL_RATE[service.name]
    return min(0.99, busy + own.cpu)


def _stretch(normal: float, busy: float) -> float:
    return min(_MAX_STRETCH, (1.0 - normal) / max(0.02, 1.0 - busy))


def _weight(call: Call, own: Stress) -> float:
    """How much of a callee's slow tail shows in the caller's: a rarely used one less, one called often more."""
    return math.sqrt(min(1.0, 4.0 * call.per_request) * max(1.0, call.per_request * own.calls))


def _waiting(wait_ms: float) -> float:
    return min(40.0, wait_ms / 15.0)


def _failed_share(callee: Vitals, limit_ms: float) -> float:
    """Failures and answers later than the limit, latencies being log-normal."""
    if math.isinf(limit_ms):
        return callee.errors
    sigma = max(0.1, math.log(callee.p95_ms / callee.p50_ms) / 1.645)
    late = 0.5 * math.erfc(math.log(limit_ms / callee.p50_ms) / (sigma * math.sqrt(2.0)))
    return min(0.98, 1.0 - (1.0 - callee.errors) * (1.0 - late))


NOMINAL: Mapping[str, Vitals] = MappingProxyType(Flow({}).step(1.0, {}))
"""Every service's vitals at the mean load with nothing wrong; time-outs and alarm thresholds are set by them."""
