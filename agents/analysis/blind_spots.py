"""Who may have done it where nobody looks: called by those that suffer with nothing of their own to show for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.clues import Clue, strength_of
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.signals import Topology

__all__ = ["blind_spots"]

_NOTABLE = 1.0
# Where half of the services or more are not measured, that one is not says nothing.
_MOST_MEASURED = 0.5
# One that shows nothing of its own may be slow by itself nonetheless; that several are at once is less and less likely.
_BY_ITSELF = 1 / 3


@dataclass(frozen=True, slots=True)
class _Seen:
    """Services that measure something of themselves; those that suffer, and why is not known; those with calm logs."""

    measured: frozenset[str]
    suffering: Mapping[str, float]
    calm: frozenset[str]


def blind_spots(
    findings: Sequence[Finding],
    clues: Mapping[str, Sequence[Clue]],
    explained: Mapping[str, float],
    topology: Topology,
    candidates: frozenset[str],
) -> tuple[Finding, ...]:
    """One `upstream_anomaly` for each service that is called by such, and that nothing is measured of, strongest first.

    `explained` is the share of each service's symptoms that another explains. A score is the strength of the callers'
    symptoms, less where few of its callers have any.
    """
    seen = _seen(findings, clues, explained)
    callers = topology.callers()
    around = callers.keys() | topology.calls.keys()
    if len(seen.measured & around) <= _MOST_MEASURED * len(around):
        return ()
    found = [
        _finding(callee, victims, score)
        for callee in sorted(callers.keys() - seen.measured - seen.calm)
        if (not candidates or callee in candidates)
        and (victims := sorted(callers[callee] & seen.suffering.keys()))
        and (score := _score(victims, callers[callee] & seen.measured, seen)) > 0
    ]
    return tuple(sorted(found, key=lambda f: (-(f.score or 0.0), f.subject)))


def _seen(
    findings: Sequence[Finding], clues: Mapping[str, Sequence[Clue]], explained: Mapping[str, float]
) -> _Seen:
    measured = frozenset(f.service for f in findings if f.source is Source.KPIS and f.service)
    # Who is measured from outside alone may have a full disk that nobody sees.
    within = {f.service for f in findings if f.source is Source.KPIS and f.data.get("instrumented")}
    calm = frozenset(f.service for f in findings if f.source is Source.LOGS and f.kind is FindingKind.NORMAL)
    suffering = {
        service: left
        for service, own in clues.items()
        if service in within
        and not _has_own(own)
        and (left := _symptom(own) * (1.0 - explained.get(service, 0.0))) >= _NOTABLE
    }
    return _Seen(measured, suffering, calm)


def _symptom(own: Sequence[Clue]) -> float:
    return strength_of([c for c in own if c.bad and not c.own])


def _has_own(own: Sequence[Clue]) -> bool:
    """Whether what it measures of itself shows why: a resource, not what waits for others."""
    return any(
        c.bad
        and c.own
        and c.finding.source is Source.KPIS
        and c.kind is not CauseKind.TRAFFIC
        and c.strength >= _NOTABLE
        for c in own
    )


def _score(victims: Sequence[str], measured: set[str], seen: _Seen) -> float:
    together = 1.0 - _BY_ITSELF ** len(victims)
    return max(seen.suffering[one] for one in victims) * together * len(victims) / len(measured)


def _finding(service: str, victims: Sequence[str], score: float) -> Finding:
    many = len(victims) != 1
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.UPSTREAM_ANOMALY,
        service=service,
        subject=f"{service}|unmeasured|{FindingKind.UPSTREAM_ANOMALY}",
        statement=(
            f"{', '.join(victims)} suffer{'' if many else 's'} with nothing of {'their' if many else 'its'} own to show "
            f"for it, and {'all call' if many else 'calls'} {service}, of which nothing is measured"
        ),
        score=score,
        data={"unmeasured": True, "victims": len(victims)},
    )
