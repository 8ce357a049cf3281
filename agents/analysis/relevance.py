"""How much a symptom matters to this incident: to those who call the service, and to the alarm that was raised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind
from agents.analysis.metrics import SYMPTOMS
from agents.analysis.signals import Topology

__all__ = ["felt", "relevant"]

# A callee that slowed by less than this share of what its caller's answers took before is hardly felt by anyone.
_FELT_SHARE = 0.05
_OTHER_SYMPTOM = 0.7


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
    callers: dict[str, set[str]] = {}
    for caller, callees in topology.calls.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
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
