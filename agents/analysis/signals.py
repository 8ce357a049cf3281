"""What the analysis reads: plain frozen values, times in unix seconds (float), no I/O.

The gathering agents fill these from ClickHouse windows, the evaluation from case folders; the analysis cannot
tell the difference. Arrays are numpy, one-dimensional, sorted by time, and must not be written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AlarmRecord",
    "CallStats",
    "ChangeRecord",
    "FloatArray",
    "IncidentData",
    "KpiSeries",
    "LogRecord",
    "Topology",
    "Window",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Window:
    """The time asked about: a baseline [baseline_start, start) and the incident [start, end], unix seconds.

    `alarm_at` lies in [start, end]; `start` is earlier by the lead time that late alarms need. `disturbed` are the
    spans [since, until) of the baseline in which something else was wrong: nothing of them tells what is usual.
    """

    baseline_start: float
    start: float
    end: float
    alarm_at: float
    disturbed: tuple[tuple[float, float], ...] = field(default=(), kw_only=True)

    def usual(self, time: float) -> bool:
        """Return whether the time lies in the baseline, and in none of its disturbed spans."""
        return self.baseline_start <= time < self.start and not any(
            since <= time < until for since, until in self.disturbed
        )

    def later(self, seconds: float) -> Window:
        """Return the same so much later."""
        return Window(
            *(at + seconds for at in (self.baseline_start, self.start, self.end, self.alarm_at)),
            disturbed=tuple((since + seconds, until + seconds) for since, until in self.disturbed),
        )


@dataclass(frozen=True, slots=True)
class KpiSeries:
    """One metric of one service: `times` (unix s) and `values` have the same length; NaN is a missing sample.

    `landed` runs along, where it is known when each sample landed (unix s).
    """

    service: str
    metric: str
    times: FloatArray
    values: FloatArray
    unit: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    landed: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """One alarm event. `indicator` names the metric of a metric alarm and is empty for a symptom alarm."""

    time: float
    service: str
    name: str
    severity: str = "major"
    entity: str = ""
    host: str = ""
    kind: str = ""
    indicator: str = ""
    detail: str = ""
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One log line. `trace_id` is of the request that it belongs to, empty where the line's sender told none.

    `landed` is when it landed (unix s), where that is known.
    """

    time: float
    service: str
    message: str
    severity: str = "info"
    trace_id: str = ""
    landed: float | None = None


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A deploy, config, flag or scale change; `kind` is one of those words or `other`."""

    time: float
    service: str
    kind: str
    title: str
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class CallStats:
    """Calls of one operation in one interval: count and latency percentiles in milliseconds; `caller` may be empty.

    `failed` of them failed; 0 where that is not told.
    """

    time: float
    service: str
    operation: str
    caller: str
    count: float
    p50_ms: float
    p95_ms: float
    failed: float = 0.0


@dataclass(frozen=True, slots=True)
class Topology:
    """`calls[a]` are the services a calls; empty when unknown.

    `hosted_on[a]` is the host a runs on, `instance_of[a]` the service that a is one instance of; hosts and
    instances may be named as causes like services.
    """

    calls: Mapping[str, frozenset[str]] = field(default_factory=dict)
    nodes: frozenset[str] = frozenset()
    hosted_on: Mapping[str, str] = field(default_factory=dict)
    instance_of: Mapping[str, str] = field(default_factory=dict)

    def callers(self) -> dict[str, set[str]]:
        """Return who calls each service; whom nobody calls is not in it."""
        found: dict[str, set[str]] = {}
        for caller, callees in self.calls.items():
            for callee in callees:
                found.setdefault(callee, set()).add(caller)
        return found


@dataclass(frozen=True, slots=True)
class IncidentData:
    """Everything gathered for one incident. `candidates` may be named as causes; empty means every service seen."""

    window: Window
    alarm_service: str = ""
    alarm_indicator: str = ""
    candidates: frozenset[str] = frozenset()
    kpis: tuple[KpiSeries, ...] = ()
    alarms: tuple[AlarmRecord, ...] = ()
    logs: tuple[LogRecord, ...] = ()
    changes: tuple[ChangeRecord, ...] = ()
    calls: tuple[CallStats, ...] = ()
    topology: Topology = field(default_factory=Topology)
