"""How much a symptom matters to this incident: to those who call the service, and to the alarm that was raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.analysis.clues import Clue, weight_of
from agents.analysis.findings import CauseKind, Source
from agents.analysis.metrics import SYMPTOMS
from agents.analysis.signals import Topology
from agents.analysis.stay_findings import stays_away

__all__ = ["arriving", "entries", "felt", "relevant"]

# A callee that slowed by less than this share of what its caller's answers took before is hardly felt by anyone.
_FELT_SHARE = 0.05
_OTHER_SYMPTOM = 0.7
# So many times as many requests as before are no ordinary peak, and so many times fewer than every day no ordinary lull.
_RUSH = 1.5


def entries(topology: Topology) -> frozenset[str]:
    """Services that call others and are called by nobody: what comes to them comes from outside."""
    called = {callee for callees in topology.calls.values() for callee in callees}
    return frozenset(caller for caller, callees in topology.calls.items() if callees) - called


def arriving(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> dict[str, tuple[Clue, ...]]:
    """The clues, the load of those that nobody calls in full: elsewhere it is the callers' doing, there it is nobody's.

    Load that stays away from one whose callers' stays away, too, says nothing of it, nor of what was changed there.
    """
    outside, callers = entries(topology), topology.callers()
    away = {service for service, own in clues.items() if any(map(_away, own))}
    weighed = {}
    for service, own in clues.items():
        if service in outside:
            weighed[service] = _in_full(own)
        else:
            with_callers = callers.get(service, set()) & away
            weighed[service] = tuple(clue for clue in own if not (with_callers and _away(clue)))
    return weighed


def _away(clue: Clue) -> bool:
    return clue.kind is CauseKind.TRAFFIC and stays_away(clue.finding)


def _in_full(own: Sequence[Clue]) -> tuple[Clue, ...]:
    weight = 1.0 / weight_of(CauseKind.TRAFFIC)
    weighed = [_weakened(c, weight) if _rush(c) else c for c in own]
    return tuple(sorted(weighed, key=lambda c: (-c.strength, c.finding.subject)))


def _rush(clue: Clue) -> bool:
    ratio = clue.finding.data.get("ratio")
    notable = clue.bad and (clue.finding.score or 0.0) >= 1.0 and clue.finding.source is Source.KPIS
    if not notable or clue.kind is not CauseKind.TRAFFIC or not isinstance(ratio, (int, float)):
        return False
    return ratio >= _RUSH or (_away(clue) and ratio <= 1 / _RUSH)


def relevant(clues: Mapping[str, Sequence[Clue]], alarmed: CauseKind) -> dict[str, tuple[Clue, ...]]:
    """Symptoms of another kind than the alarm's weigh less: a failing service need not be the slow one."""
    others = SYMPTOMS - {alarmed} if alarmed in SYMPTOMS else frozenset()
    return {
        service: tuple(_weakened(clue, _OTHER_SYMPTOM) if clue.kind in others else clue for clue in own)
        for service, own in clues.items()
    }


def felt(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> dict[str, tuple[Clue, ...]]:
    """Slow-downs weigh by what callers can feel of them: two milliseconds do not matter to one that takes a second.

    Where no caller's latency in the same unit is known, everything is felt.
    """
    callers = topology.callers()
    return {
        service: tuple(
            _felt(clue, [clues.get(c, ()) for c in sorted(callers.get(service, ()))]) for clue in own
        )
        for service, own in clues.items()
    }


def _felt(clue: Clue, callers: Sequence[Sequence[Clue]]) -> Clue:
    before, after = clue.finding.data.get("before"), clue.finding.data.get("after")
    if (
        clue.kind is not CauseKind.LATENCY
        or not isinstance(before, (int, float))
        or not isinstance(after, (int, float))
    ):
        return clue
    levels = [
        level for own in callers if (level := _latency_of(own, clue.finding.data.get("unit"))) is not None
    ]
    if not levels or min(levels) <= 0 or after <= before:
        return clue
    return _weakened(clue, min(1.0, (after - before) / (_FELT_SHARE * min(levels))))


def _latency_of(clues: Sequence[Clue], unit: object) -> float | None:
    """What a service's answers usually take, by its slowest latency metric; None where unknown in this unit."""
    for clue in clues:
        level = clue.finding.data.get("latency_level")
        if isinstance(level, (int, float)) and clue.finding.data.get("latency_unit") == unit:
            return float(level)
    return None


def _weakened(clue: Clue, by: float) -> Clue:
    return replace(clue, strength=clue.strength * by)
