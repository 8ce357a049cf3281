"""Findings weighed as clues: how strongly each speaks against its own service, and of which kind of cause."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.metrics import RESOURCES, SYMPTOMS, WAITING

__all__ = [
    "Clue",
    "clues_of",
    "has_symptoms",
    "is_bad",
    "is_gone",
    "strength_of",
    "strength_parts",
    "weight_of",
]

# How much a notable shift of each kind of metric speaks against its owner. A resource belongs to the service;
# latency and errors come from it or from whom it calls; its traffic is mostly its callers' doing.
_KPI_WEIGHT = dict.fromkeys(RESOURCES, 1.0) | {
    CauseKind.LATENCY: 0.9,
    CauseKind.ERRORS: 0.9,
    CauseKind.TRAFFIC: 0.3,
    CauseKind.UNKNOWN: 0.5,
}
# What a caller measures of others speaks of them.
_CLIENT = 0.3
# A metric that moved the harmless way (less CPU, faster answers) is a trace of a fault elsewhere, or of its own death.
_HARMLESS = 0.35
_BELOW_NOTABLE = 0.25
# Of a metric that stopped little is known; of all of them at once, that nothing is there any more.
_GONE = 2.0
# Thirty times notable is as sure as three hundred: what is measured is then how quiet the baseline was.
_CEILING = 5.0
_LOG_WEIGHT = {
    (FindingKind.ERROR_BURST, 1): (1.8, CauseKind.ERRORS, False),
    (FindingKind.NEW_LOG_TEMPLATE, 1): (0.5, CauseKind.UNKNOWN, True),
    (FindingKind.LOG_RATE_CHANGE, 1): (0.3, CauseKind.UNKNOWN, True),
    (FindingKind.LOG_RATE_CHANGE, -1): (1.8, CauseKind.ERRORS, True),
}
# Of these the part that others further down are to answer for is taken off already.
_OF_CALLS = frozenset({FindingKind.CALL_LATENCY, FindingKind.CALL_FAILURES})
_NO_SYMPTOMS = frozenset({FindingKind.NORMAL, FindingKind.RECENT_CHANGE})
_CHANGE_KIND = {"deploy": CauseKind.DEPLOY, "config": CauseKind.CONFIG, "flag": CauseKind.CONFIG}


@dataclass(frozen=True, slots=True)
class Clue:
    """`strength` is logarithmic; an `own` clue cannot be explained by a service further down."""

    service: str
    kind: CauseKind
    strength: float
    own: bool
    bad: bool
    finding: Finding


def clues_of(findings: Iterable[Finding]) -> dict[str, tuple[Clue, ...]]:
    """Clues by service, strongest first. Findings that accuse nobody give none."""
    found: dict[str, list[Clue]] = {}
    for finding in findings:
        clue = _clue(finding)
        if clue is not None and clue.service and clue.strength > 0:
            found.setdefault(clue.service, []).append(clue)
    return {s: tuple(sorted(own, key=lambda c: (-c.strength, c.finding.subject))) for s, own in found.items()}


def strength_of(clues: Sequence[Clue]) -> float:
    """Combined strength: the strongest clue of each kind in full, then a half, a quarter, ...

    Several metrics of one kind are views of one thing and count once.
    """
    best: dict[CauseKind, float] = {}
    for clue in clues:
        best[clue.kind] = max(best.get(clue.kind, 0.0), clue.strength)
    return sum(math.ldexp(value, -place) for place, value in enumerate(sorted(best.values(), reverse=True)))


def strength_parts(clues: Iterable[Clue]) -> list[tuple[Clue, float]]:
    """The clues that make up the combined strength, and how much of it each is, largest first."""
    best: dict[CauseKind, Clue] = {}
    for clue in sorted(clues, key=lambda c: (-c.strength, c.finding.subject)):
        best.setdefault(clue.kind, clue)
    return [(clue, math.ldexp(clue.strength, -place)) for place, clue in enumerate(best.values())]


def weight_of(kind: CauseKind) -> float:
    """How much a notable shift of a metric of this kind speaks against its owner."""
    return _KPI_WEIGHT[kind]


def has_symptoms(clues: Iterable[Clue]) -> bool:
    """Whether anything of a service left its normal range, was logged or raised an alarm: a change alone is no symptom."""
    return any(clue.finding.kind not in _NO_SYMPTOMS for clue in clues)


def is_bad(finding: Finding) -> bool:
    """Whether the metric moved the way that hurts."""
    wanted = -1 if finding.data.get("good_high") else 1
    return finding.direction == wanted


def is_gone(finding: Finding) -> bool:
    """Whether everything that a service measured of itself has stopped: nobody is there to answer."""
    stopped, regular = finding.data.get("metrics"), finding.data.get("regular")
    every = stopped is not None and stopped == regular
    return finding.kind is FindingKind.MISSING_DATA and every and not finding.data.get("client")


def _clue(finding: Finding) -> Clue | None:
    if finding.kind is FindingKind.RECENT_CHANGE:
        kind = _CHANGE_KIND.get(str(finding.data.get("change_kind")), CauseKind.UNKNOWN)
        return Clue(finding.service, kind, 0.4 * (finding.score or 0.0), own=True, bad=True, finding=finding)
    if finding.kind is FindingKind.FIRST_ALARM:
        return Clue(finding.service, CauseKind.UNKNOWN, 0.2, own=False, bad=True, finding=finding)
    rule = _BY_SOURCE.get(finding.source)
    return None if rule is None or finding.score is None else rule(finding)


def _log(score: float) -> float:
    return min(_CEILING, math.log2(1.0 + score))


def _log_clue(finding: Finding) -> Clue | None:
    rule = _LOG_WEIGHT.get((finding.kind, finding.direction))
    if rule is None:
        return None
    weight, kind, own = rule
    return Clue(
        finding.service, kind, weight * _log(finding.score or 0.0), own=own, bad=True, finding=finding
    )


def _metric_kind(finding: Finding) -> CauseKind:
    return CauseKind(str(finding.data.get("metric_kind", CauseKind.UNKNOWN.value)))


def _alarm_clue(finding: Finding) -> Clue:
    score = finding.score or 0.0
    kind = _metric_kind(finding)
    if finding.kind is FindingKind.SYMPTOM:
        return Clue(finding.service, CauseKind.LATENCY, 0.3 * score, own=False, bad=True, finding=finding)
    bad = is_bad(finding)
    weight = _KPI_WEIGHT.get(kind, 0.5) * (1.0 if bad else _HARMLESS)
    return Clue(
        finding.service, kind, weight * score, own=kind in RESOURCES - WAITING, bad=bad, finding=finding
    )


def _kpi_clue(finding: Finding) -> Clue:
    kind = _metric_kind(finding)
    bad = is_bad(finding) or finding.kind is FindingKind.MISSING_DATA
    weight = _KPI_WEIGHT.get(kind, 0.5)
    weight *= 1.0 if bad else _HARMLESS
    weight *= _CLIENT if finding.data.get("client") else 1.0
    weight *= _BELOW_NOTABLE if finding.kind is FindingKind.NORMAL else 1.0
    weight *= _GONE if is_gone(finding) else 1.0
    waits = kind in SYMPTOMS | WAITING or bool(finding.data.get("starved"))
    own = not waits or finding.kind in _OF_CALLS
    return Clue(
        finding.service,
        kind,
        weight * _log(finding.score or 0.0),
        own=own,
        bad=bad,
        finding=finding,
    )


def _topology_clue(finding: Finding) -> Clue | None:
    """Only of one that nothing is measured of: what else hangs together is told by the others' own clues."""
    if not finding.data.get("unmeasured"):
        return None
    strength = min(_CEILING, finding.score or 0.0)
    return Clue(finding.service, CauseKind.UNKNOWN, strength, own=True, bad=True, finding=finding)


_BY_SOURCE: Mapping[Source, Callable[[Finding], Clue | None]] = {
    Source.LOGS: _log_clue,
    Source.ALARMS: _alarm_clue,
    Source.KPIS: _kpi_clue,
    Source.TOPOLOGY: _topology_clue,
}
