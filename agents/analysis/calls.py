"""Where the time of slow calls is spent: a service's own share of its latency, without that of those it calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source, nothing_seen
from agents.analysis.robust import MAD_TO_SIGMA
from agents.analysis.signals import CallStats, Topology, Window
from agents.analysis.words import figure

__all__ = ["analyse_calls", "learned_topology", "told_by_calls"]

# Own time must grow by half of what a call took before to score 1, and by four times its usual wander.
_NOTABLE_SHARE = 0.5
_NOTABLE_SIGMAS = 4.0
# Fewer intervals before do not show what is usual, nor by how much that wanders.
_MIN_INTERVALS = 3
_MIN_CALLS = 4.0
# Percentiles of a few intervals do not tell a service's own time exactly: never sure beyond this.
_CEILING = 3.0
# More is no measurement, and products of it would not be finite.
_LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class _Call:
    """Calls of one operation by one caller in one span of time: how many, and how long one took."""

    count: float
    typical_ms: float


_Key = tuple[str, str, str]  # caller, service, operation
_Calls = Mapping[_Key, _Call]


@dataclass(frozen=True, slots=True)
class _Slowdown:
    """Calls seen on both sides of the start: how many, how long one took before, by how much it grew."""

    count: float
    before_ms: float
    grown_ms: float


def learned_topology(calls: Iterable[CallStats]) -> Topology:
    """The call graph that the calls themselves show."""
    targets: dict[str, set[str]] = {}
    nodes: set[str] = set()
    for call in calls:
        nodes |= {call.service, call.caller} - {""}
        if call.caller and call.caller != call.service:
            targets.setdefault(call.caller, set()).add(call.service)
    return Topology(calls={s: frozenset(t) for s, t in targets.items()}, nodes=frozenset(nodes))


def told_by_calls(learned: Topology) -> Finding:
    """The finding that a topology was learned from recorded calls: these were made, so it is certain."""
    many = sum(len(callees) for callees in learned.calls.values())
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.LEARNED_CALL,
        service="",
        subject=f"|calls|{FindingKind.LEARNED_CALL}",
        statement=(
            f"No topology was given: who calls whom was learned from recorded calls, "
            f"{many} between {len(learned.nodes)} services"
        ),
        data={"calls": many, "services": len(learned.nodes), "certainty": 1.0},
    )


def analyse_calls(calls: Sequence[CallStats], window: Window) -> tuple[Finding, ...]:
    """One finding a service whose own share of its latency grew notably, strongest first; else `no_data`.

    The share is what the calls it answers take, less what its own calls to others take, averaged over its calls.
    Wants calls in the window, and in three intervals before it: the first minutes of a fault are no normal life.
    """
    earlier = [c for c in calls if window.usual(c.time)]
    before = _totals(earlier)
    after = _totals(c for c in calls if window.start <= c.time <= window.end)
    if not before or not after or len({c.time for c in earlier}) < _MIN_INTERVALS:
        return (_no_data(),)
    wander = _wander(earlier)
    services = sorted({service for _, service, _ in after})
    findings = [_finding(s, before, after, wander.get(s, 0.0)) for s in services]
    found = [f for f in findings if f is not None]
    return tuple(sorted(found, key=lambda f: (-(f.score or 0.0), f.subject)))


def _wander(earlier: Sequence[CallStats]) -> dict[str, float]:
    """By how much what a call to each service takes usually differs from interval to interval, in robust sigmas."""
    intervals: dict[str, dict[float, tuple[float, float]]] = {}
    for call in earlier:
        typical = _typical(call)
        if typical is not None:
            times = intervals.setdefault(call.service, {})
            count, total = times.get(call.time, (0.0, 0.0))
            times[call.time] = count + call.count, total + call.count * typical
    levels = {
        s: np.array([total / count for count, total in times.values()]) for s, times in intervals.items()
    }
    return {s: MAD_TO_SIGMA * float(np.median(np.abs(own - np.median(own)))) for s, own in levels.items()}


def _typical(call: CallStats) -> float | None:
    """What a call took in milliseconds; None for one within a service, or of which that was not measured."""
    typical = call.p50_ms / 2 + call.p95_ms / 2
    measured = 0 < call.count <= _LARGEST and 0 <= typical <= _LARGEST
    return typical if measured and call.caller != call.service else None


def _totals(calls: Iterable[CallStats]) -> _Calls:
    """Calls between services (not within one), summed over intervals."""
    counts: dict[_Key, float] = {}
    times: dict[_Key, float] = {}
    for call in calls:
        typical = _typical(call)
        if typical is None:
            continue
        key = call.caller, call.service, call.operation
        counts[key] = counts.get(key, 0.0) + call.count
        times[key] = times.get(key, 0.0) + call.count * typical
    return {key: _Call(count, times[key] / count) for key, count in counts.items()}


def _slowdown(keys: Iterable[_Key], before: _Calls, after: _Calls) -> _Slowdown | None:
    """Growth of a typical call, like with like: operations seen often enough on both sides, in today's mixture."""
    both = [k for k in keys if k in before and min(before[k].count, after[k].count) >= _MIN_CALLS]
    count = sum(after[k].count for k in both)
    if not count:
        return None
    old = sum(after[k].count * before[k].typical_ms for k in both) / count
    new = sum(after[k].count * after[k].typical_ms for k in both) / count
    return _Slowdown(count, old, new - old)


def _finding(service: str, before: _Calls, after: _Calls, wander: float) -> Finding | None:
    answered = _slowdown([k for k in after if k[1] == service], before, after)
    if answered is None or answered.before_ms <= 0:
        return None
    made = _slowdown([k for k in after if k[0] == service], before, after)
    others = made.grown_ms * made.count / answered.count if made else 0.0
    own = min(answered.grown_ms, answered.grown_ms - others)
    notable = max(_NOTABLE_SHARE * answered.before_ms, _NOTABLE_SIGMAS * wander)
    score = min(own / notable, _CEILING)
    if score < 1:
        return None
    before_ms, after_ms = answered.before_ms, answered.before_ms + answered.grown_ms
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.CALL_LATENCY,
        service=service,
        subject=f"{service}|calls|{FindingKind.CALL_LATENCY}",
        statement=(
            f"Calls to {service} took {figure(after_ms)} ms instead of {figure(before_ms)} ms; "
            f"{figure(own)} ms of the rise are its own, not of those it calls"
        ),
        score=score,
        direction=1,
        data={
            "metric_kind": CauseKind.LATENCY.value,
            "before": before_ms,
            "after": after_ms,
            "own_ms": own,
            "calls": answered.count,
            "unit": "ms",
        },
    )


def _no_data() -> Finding:
    return nothing_seen(
        Source.KPIS,
        "No calls were recorded in the window, or too few before it to know what is usual",
        about="calls",
    )
