"""What one service shows that matters to those beside it, worked out once: each is compared with many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.clues import Clue, is_gone, strength_of
from agents.analysis.findings import CauseKind, FindingKind
from agents.analysis.metrics import RESOURCES, WAITING

__all__ = ["NOTHING", "Profile"]

_LITTLE = 0.3
_MULTIPLE = 2.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Strengths are those of `clues.strength_of`, 0 where there is nothing."""

    strength: float = 0.0
    """Of all clues."""
    symptom: float = 0.0
    """Of its bad symptoms: what somebody else may explain."""
    leading: CauseKind | None = None
    """The kind of its strongest symptom."""
    cause: float = 0.0
    """Of all that is bad but its traffic: what may explain somebody else's symptoms."""
    kinds: frozenset[CauseKind] = frozenset()
    """Kinds of all that is bad."""
    slowed: Mapping[str, float] | None = None
    """By how much each latency metric rose, in its own unit."""
    queues: bool = False
    """Something notable waits: requests wait for those before them, and times multiply."""
    multiplied: bool = False
    """Its latency at least doubled."""
    quick: bool = False
    """Its latency is measured, and not notably longer."""
    traffic: float = 1.0
    """How many times as much as before; 1 where it did not notably change."""
    suspicious: bool = False
    """It shows something of its own other than traffic, however little."""
    failing: bool = False
    taken: Mapping[CauseKind, float] | None = None
    """Strength by resource it took more of, of its own accord."""
    starves: bool = False
    """It is measured to wait for what others hold."""
    gone: bool = False
    """It reports nothing any more."""

    @classmethod
    def of(cls, clues: Sequence[Clue]) -> Profile:
        bad = [c for c in clues if c.bad]
        symptoms = [c for c in bad if not c.own]
        return cls(
            strength=strength_of(clues),
            symptom=strength_of(symptoms),
            leading=max(symptoms, key=lambda c: (c.strength, c.kind)).kind if symptoms else None,
            cause=strength_of([c for c in bad if c.kind is not CauseKind.TRAFFIC]),
            kinds=frozenset(c.kind for c in bad),
            slowed=_slowed(clues),
            queues=any(c.kind in WAITING and c.strength >= 1.0 for c in bad),
            multiplied=any(c.kind is CauseKind.LATENCY and _ratio(c) >= _MULTIPLE for c in clues),
            quick=_quick(clues),
            traffic=_traffic(clues),
            suspicious=any(c.own and c.kind is not CauseKind.TRAFFIC and c.strength > _LITTLE for c in bad),
            failing=any(c.kind is CauseKind.ERRORS and c.strength > _LITTLE for c in symptoms),
            taken=_taken(bad),
            starves=any(c.finding.data.get("starved") and c.strength >= 1.0 for c in bad),
            gone=any(is_gone(c.finding) and (c.finding.score or 0.0) >= 1.0 for c in bad),
        )


NOTHING = Profile()


def _ratio(clue: Clue) -> float:
    ratio = clue.finding.data.get("ratio")
    return float(ratio) if isinstance(ratio, (int, float)) else 0.0


def _quick(clues: Sequence[Clue]) -> bool:
    measured = any(c.finding.data.get("latency_level") is not None for c in clues)
    return measured and not any(
        c.bad and c.kind is CauseKind.LATENCY and c.finding.kind is not FindingKind.NORMAL for c in clues
    )


def _traffic(clues: Sequence[Clue]) -> float:
    grown = [
        clue
        for clue in clues
        if clue.kind is CauseKind.TRAFFIC
        and clue.finding.kind is not FindingKind.NORMAL
        and isinstance(clue.finding.data.get("ratio"), (int, float))
    ]
    return max(map(_ratio, grown), default=1.0)


def _taken(bad: Sequence[Clue]) -> dict[CauseKind, float]:
    taken: dict[CauseKind, float] = {}
    for clue in bad:
        if clue.own and clue.kind in RESOURCES and not clue.finding.data.get("load_explained"):
            taken[clue.kind] = max(taken.get(clue.kind, 0.0), clue.strength)
    return taken


def _slowed(clues: Sequence[Clue]) -> dict[str, float]:
    """By how much each latency metric of a service rose, in its own unit; what fell is left out."""
    return {
        clue.finding.indicator: after - before
        for clue in clues
        if clue.kind is CauseKind.LATENCY
        and isinstance(before := clue.finding.data.get("before"), (int, float))
        and isinstance(after := clue.finding.data.get("after"), (int, float))
        and after > before
    }
