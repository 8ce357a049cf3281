"""Landing delays of telemetry in memory, where it is known when it landed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from agents.analysis.findings import Source
from agents.analysis.signals import KpiSeries, LogRecord
from agents.ports import Delay

__all__ = ["line_delays", "sample_delays"]


def sample_delays(kpis: Sequence[KpiSeries], first: float, last: float) -> Iterator[Delay]:
    """Yield that of each service with samples stamped in [first, last], unix seconds, by name."""
    known: dict[str, list[tuple[float, float]]] = {}
    for one in kpis:
        inside = (one.times >= first) & (one.times <= last)
        if one.landed is not None and inside.any():
            times = one.times[inside]
            least = float(np.min(one.landed[inside] - times))
            known.setdefault(one.service, []).append((least, float(np.ptp(times)) / max(times.size - 1, 1)))
    for service, series in sorted(known.items()):
        yield Delay(Source.KPIS, service, *(_median([one[column] for one in series]) for column in (0, 1)))


def line_delays(logs: Sequence[LogRecord], first: float, last: float) -> Iterator[Delay]:
    """Yield that of each service with lines stamped in [first, last], unix seconds, by name; a batch lands at one moment."""
    known: dict[str, dict[float, float]] = {}
    for one in logs:
        if one.landed is not None and first <= one.time <= last:
            batches = known.setdefault(one.service, {})
            batches[one.landed] = min(batches.get(one.landed, math.inf), one.landed - one.time)
    for service, batches in sorted(known.items()):
        yield Delay(Source.LOGS, service, _median(batches.values()))


def _median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]
