"""What happened when: changes, alarms and anomalies in one order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from agents.analysis.findings import FindingKind, Source
from agents.investigation.state import Claim
from schemas.events.evidence import Evidence
from schemas.events.report import TimelineEntry

__all__ = ["began_at", "timeline"]

_MOST = 12
_ALWAYS = frozenset({FindingKind.FIRST_ALARM, FindingKind.ALARM_STORM, FindingKind.RECENT_CHANGE})
_NO_ANOMALY = frozenset({Source.TOPOLOGY.value, Source.KNOWLEDGE.value, Source.CHANGES.value})
_GROUPED = frozenset({FindingKind.METRIC_ALARM, FindingKind.SYMPTOM})
_SIGNS = frozenset({Source.KPIS.value, Source.LOGS.value, Source.ALARMS.value, Source.TOPOLOGY.value})
_NOTABLE = 1.0


def timeline(evidence: Sequence[Evidence], claims: Sequence[Claim]) -> tuple[TimelineEntry, ...]:
    """Return at most a dozen entries by time: what is cited, changes, the alarms' beginning, and each service's first anomaly."""
    cited = {evidence_id for claim in claims for evidence_id in claim.evidence_ids}
    dated = [one for one in evidence if one.onset is not None and not _told_by_others(one)]
    chosen = [one for one in dated if one.event_id in cited]
    chosen += [one for one in dated if one.kind in _ALWAYS and one not in chosen]
    chosen += [one for one in _firsts(dated) if one not in chosen]
    kept = sorted(chosen[:_MOST], key=_order)
    return tuple(
        TimelineEntry(
            at=one.onset or one.occurred_at, service=one.service, what=one.statement, evidence_id=one.event_id
        )
        for one in kept
    )


def _told_by_others(one: Evidence) -> bool:
    """Groups of alarms are in the storm, and a single alarm is no storm."""
    alone = one.kind == FindingKind.ALARM_STORM and json.loads(one.data).get("alarms") == 1
    return alone or one.kind in _GROUPED


def _order(one: Evidence) -> tuple[datetime, bool, str, str]:
    """By time; at one time, the whole storm after the single things."""
    return one.onset or one.occurred_at, one.kind == FindingKind.ALARM_STORM, one.service, one.event_id


def _firsts(dated: Sequence[Evidence]) -> list[Evidence]:
    """The earliest notable anomaly of each service, the strongest services first."""
    first: dict[str, Evidence] = {}
    strength: dict[str, float] = {}
    for one in dated:
        if one.step in _NO_ANOMALY or (one.score or 0.0) < _NOTABLE or one.onset is None:
            continue
        known = first.get(one.service)
        if known is None or known.onset is None or one.onset < known.onset:
            first[one.service] = one
        strength[one.service] = max(strength.get(one.service, 0.0), one.score or 0.0)
    return [first[service] for service in sorted(first, key=lambda name: (-strength[name], name))]


def began_at(evidence: Sequence[Evidence], claims: Sequence[Claim]) -> datetime | None:
    """Return the earliest sign of the first cause, or of anything abnormal where no cause is claimed.

    A change is what may have begun it, not a sign of it.
    """
    cited = set(claims[0].evidence_ids) if claims else None
    signs = [
        one.onset
        for one in evidence
        if one.onset is not None
        and one.step in _SIGNS
        and (one.event_id in cited if cited is not None else (one.score or 0.0) >= _NOTABLE)
    ]
    return min(signs, default=None)
