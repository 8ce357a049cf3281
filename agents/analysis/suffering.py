"""Whether anybody suffers: what is out of the ordinary and hurts nobody is no incident, and accuses nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agents.analysis.clues import Clue
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.metrics import SYMPTOMS
from agents.analysis.signals import Topology

__all__ = ["anybody_suffers"]

_UNHURT = frozenset({FindingKind.NORMAL, FindingKind.RECENT_CHANGE})


def anybody_suffers(
    findings: Sequence[Finding], clues: Mapping[str, Sequence[Clue]], topology: Topology
) -> bool:
    """Whether an alarm was raised, or some service is slow, fails or is silent, and not all who call it are well.

    A caller whose latency is measured, and that shows no symptom, has not felt it. Where nobody's is, suffering cannot be
    excluded; who is called by nobody is felt by users.
    """
    if any(f.source is Source.ALARMS and f.kind is not FindingKind.NO_DATA for f in findings):
        return True
    watched = _watched(findings)
    if not watched:
        return True
    hurt = {service for service, own in clues.items() if any(map(_hurts, own))}
    callers = topology.callers()
    return any(not callers.get(one) or callers[one] & hurt or callers[one] - watched for one in hurt)


def _watched(findings: Iterable[Finding]) -> set[str]:
    """Services whose latency is measured."""
    return {
        f.service for f in findings if f.source is Source.KPIS and f.data.get("latency_level") is not None
    }


def _hurts(clue: Clue) -> bool:
    finding = clue.finding
    if not clue.bad or finding.kind in _UNHURT or (finding.score or 0.0) < 1.0:
        return False
    return clue.kind in SYMPTOMS or finding.kind is FindingKind.MISSING_DATA
