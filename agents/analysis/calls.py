"""Where the time of slow calls is spent: a service's own share of its latency, without that of those it calls."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.signals import CallStats, Topology, Window
from agents.analysis.words import figure

__all__ = ["analyse_calls", "learned_topology"]

# Own time must grow by half of what a call took before to score 1: two intervals of traces differ easily by a fifth.
_NOTABLE_SHARE = 0.5
_MIN_CALLS = 5.0


@dataclass(frozen=True, slots=True)
class _Edge:
    """Calls from one service to another in one span of time: how many, and how long a call took."""

    count: float
    typical_ms: float


_Edges = Mapping[tuple[str, str], _Edge]


def learned_topology(calls: Iterable[CallStats]) -> Topology:
    """The call graph that the calls themselves show."""
    targets: dict[str, set[str]] = {}
    nodes: set[str] = set()
    for call in calls:
        nodes |= {call.service, call.caller} - {""}
        if call.caller and call.caller != call.service:
            targets.setdefault(call.caller, set()).add(call.service)
    return Topology(calls={s: frozenset(t) for s, t in targets.items()}, nodes=frozenset(nodes))


def analyse_calls(calls: Sequence[CallStats], window: Window) -> tuple[Finding, ...]:
    """One finding a service whose own share of its latency grew notably, strongest first; else `no_data`.

    The share is what the calls it answers take, less what its own calls to others take, averaged over its calls.
    """
    before = _edges(c for c in calls if window.baseline_start <= c.time < window.start)
    after = _edges(c for c in calls if window.start <= c.time <= window.end)
    if not before or not after:
        return (_no_data(),)
    findings = [_finding(s, before, after) for s in sorted({callee for _, callee in after})]
    found = [f for f in findings if f is not None]
    return tuple(sorted(found, key=lambda f: (-(f.score or 0.0), f.subject)))


def _edges(calls: Iterable[CallStats]) -> _Edges:
    """Calls between services (not within one), the time of each edge averaged by count over its operations."""
    counts: dict[tuple[str, str], float] = {}
    times: dict[tuple[str, str], float] = {}
    for call in calls:
        typical = (call.p50_ms + call.p95_ms) / 2
        if call.caller == call.service or not call.count > 0 or math.isnan(typical):
            continue
        key = call.caller, call.service
        counts[key] = counts.get(key, 0.0) + call.count
        times[key] = times.get(key, 0.0) + call.count * typical
    return {key: _Edge(count, times[key] / count) for key, count in counts.items()}


def _answered(service: str, edges: _Edges) -> _Edge | None:
    own = [edge for (_, callee), edge in edges.items() if callee == service]
    count = sum(edge.count for edge in own)
    return _Edge(count, sum(e.count * e.typical_ms for e in own) / count) if count else None


def _spent_in_others(service: str, edges: _Edges, count: float) -> float:
    return sum(e.count * e.typical_ms for (caller, _), e in edges.items() if caller == service) / count


def _finding(service: str, before: _Edges, after: _Edges) -> Finding | None:
    old, new = _answered(service, before), _answered(service, after)
    if old is None or new is None or min(old.count, new.count) < _MIN_CALLS or old.typical_ms <= 0:
        return None
    grown = new.typical_ms - old.typical_ms
    others = _spent_in_others(service, after, new.count) - _spent_in_others(service, before, old.count)
    own = min(grown, grown - others)
    score = own / (_NOTABLE_SHARE * old.typical_ms)
    if score < 1:
        return None
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.CALL_LATENCY,
        service=service,
        subject=f"{service}|calls|{FindingKind.CALL_LATENCY}",
        statement=(
            f"Calls to {service} took {figure(new.typical_ms)} ms instead of {figure(old.typical_ms)} ms; "
            f"{figure(own)} ms of the rise are its own, not of those it calls"
        ),
        score=score,
        direction=1,
        data={
            "metric_kind": CauseKind.LATENCY.value,
            "before": old.typical_ms,
            "after": new.typical_ms,
            "own_ms": own,
            "calls": new.count,
            "unit": "ms",
        },
    )


def _no_data() -> Finding:
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.NO_DATA,
        service="",
        subject=f"calls||{FindingKind.NO_DATA}",
        statement="No calls were recorded on both sides of the window's start",
    )
