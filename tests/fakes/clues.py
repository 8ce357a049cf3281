"""Clues and findings in one line, for tests of what is concluded from them."""

from __future__ import annotations

from typing import Any

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source

__all__ = ["by_service", "changed", "clue", "learned_call", "logged", "measured"]


def clue(
    service: str,
    kind: CauseKind,
    strength: float,
    *,
    own: bool,
    bad: bool = True,
    finding_kind: FindingKind = FindingKind.LEVEL_SHIFT,
    source: Source = Source.KPIS,
    indicator: str = "",
    **data: Any,
) -> Clue:
    finding = Finding(
        source=source,
        kind=finding_kind,
        service=service,
        indicator=indicator or kind.value,
        subject=f"{service}|{indicator or kind.value}|{finding_kind}",
        statement=f"{service} {kind}",
        score=2.0**strength - 1.0,
        direction=1,
        data={"metric_kind": kind.value, **data},
    )
    return Clue(service, kind, strength, own=own, bad=bad, finding=finding)


def by_service(*clues: Clue) -> dict[str, tuple[Clue, ...]]:
    services = dict.fromkeys(one.service for one in clues)
    return {service: tuple(one for one in clues if one.service == service) for service in services}


def measured(
    service: str,
    metric_kind: str,
    score: float | None,
    *,
    kind: FindingKind = FindingKind.LEVEL_SHIFT,
    direction: int = 1,
    indicator: str | None = None,
    **data: Any,
) -> Finding:
    """A measurement out of its range; a score of 2**n - 1 is a clue of strength n times the kind's weight."""
    name = f"{metric_kind}_metric" if indicator is None else indicator
    return Finding(
        source=Source.KPIS,
        kind=kind,
        service=service,
        indicator=name,
        subject=f"{service}|{name}|{kind}",
        statement=f"{service} {name} moved",
        score=score,
        direction=direction,
        data={"metric_kind": metric_kind, **data},
    )


def learned_call(caller: str, callee: str, certainty: float = 0.3) -> Finding:
    """That one seems to call the other, so certain."""
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.LEARNED_CALL,
        service=callee,
        subject=f"{callee}|{caller}|learned_call",
        statement=f"{caller} seems to call {callee}",
        score=certainty,
        data={"caller": caller, "certainty": certainty},
    )


def logged(
    service: str,
    score: float | None,
    kind: FindingKind = FindingKind.ERROR_BURST,
    direction: int = 1,
) -> Finding:
    """A line of which more, or fewer, are written than usual."""
    return Finding(
        source=Source.LOGS,
        kind=kind,
        service=service,
        subject=f"{service}|line|{kind}",
        statement=f"{service} failed",
        score=score,
        direction=direction,
    )


def changed(
    service: str, score: float | None = 2.0, change_kind: str = "deploy", *, onset: float | None = None
) -> Finding:
    """A change made just before; the nearer, the higher its score, at most 2."""
    return Finding(
        source=Source.CHANGES,
        kind=FindingKind.RECENT_CHANGE,
        service=service,
        subject=f"{service}|c{onset or 1:.0f}|{FindingKind.RECENT_CHANGE}",
        statement=f"{service} deployed",
        score=score,
        onset=onset,
        data={"change_kind": change_kind},
    )
