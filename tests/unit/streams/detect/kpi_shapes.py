"""Seeded series that are normal, and ways for them to go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from schemas.events import KpiBatch, KpiSamples
from streams.detect.findings import Finding
from streams.detect.series import Series
from streams.detect.settings import DetectRules

T0 = 1_767_268_800_000
"""2026-01-01 12:00 UTC, in milliseconds."""
DAY_S = 86_400.0
Values = NDArray[np.float64]


def autoregressive(rng: np.random.Generator, count: int, kept: float) -> Values:
    fresh = rng.normal(size=count) * math.sqrt(1 - kept * kept)
    values = np.empty(count)
    last = 0.0
    for number, one in enumerate(fresh.tolist()):
        last = kept * last + one
        values[number] = last
    return values


def daily(rng: np.random.Generator, count: int, step_s: float, swing: float) -> Values:
    turns = np.arange(count) * step_s / DAY_S + rng.random()
    values: Values = swing * np.sin(2 * np.pi * turns) + rng.normal(size=count)
    return values


NORMAL: Mapping[str, Callable[[np.random.Generator, int, float], Values]] = {
    "gaussian": lambda rng, count, _: rng.normal(10, 1, count),
    "ar_0.9": lambda rng, count, _: autoregressive(rng, count, 0.9),
    "ar_0.99": lambda rng, count, _: autoregressive(rng, count, 0.99),
    "student_t3": lambda rng, count, _: rng.standard_t(3, count),
    "lognormal": lambda rng, count, _: rng.lognormal(0, 1, count),
    "rare_counts": lambda rng, count, _: rng.poisson(0.05, count).astype(float),
    "counts": lambda rng, count, _: rng.poisson(3, count).astype(float),
    "rare_ones": lambda rng, count, _: (rng.random(count) < 0.01).astype(float),
    "daily_5": lambda rng, count, step_s: daily(rng, count, step_s, 5),
    "daily_20": lambda rng, count, step_s: daily(rng, count, step_s, 20),
    "mild_rise": lambda rng, count, _: rng.normal(size=count) + (np.arange(count) > count // 2),
    "random_walk": lambda rng, count, _: np.cumsum(rng.normal(size=count)),
    "constant": lambda _rng, count, _: np.full(count, 5.0),
}


def times(count: int, step_s: float, start_ms: int = T0) -> list[int]:
    return [start_ms + round(number * step_s * 1000) for number in range(count)]


def findings(
    values: Sequence[float] | Values, step_s: float = 10.0, chunk: int = 200, rules: DetectRules | None = None
) -> list[Finding]:
    """What one series fed in columns of `chunk` samples brings."""
    series = Series(rules or DetectRules())
    at, column = times(len(values), step_s), [float(value) for value in values]
    found: list[Finding] = []
    for start in range(0, len(at), chunk):
        found += series.feed(at[start : start + chunk], column[start : start + chunk])
    return found


def kpi_batch(
    columns: Mapping[str, Sequence[float]],
    at_ms: Sequence[int],
    service: str = "cart",
    labels: Mapping[str, str] | None = None,
    tenant: str = "acme",
) -> KpiBatch:
    """One batch with these columns, all over the same times."""
    return KpiBatch(
        tenant=tenant,
        occurred_at=datetime.fromtimestamp(at_ms[-1] / 1000, UTC),
        source="test",
        service=service,
        series=tuple(
            KpiSamples(
                metric=metric,
                labels=dict(labels or {}),
                times_ms=tuple(at_ms),
                values=tuple(map(float, values)),
            )
            for metric, values in columns.items()
        ),
    )
