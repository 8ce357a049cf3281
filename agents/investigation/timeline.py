"""What happened when: changes, alarms and anomalies in one order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from agents.analysis.clues import clues_of
from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.investigation.evidence import finding_of
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
# By itself a sign needs more: among many just notable ones some are chance.
_TELLING = 1.5
_BY_CHANGES = frozenset({CauseKind.DEPLOY, CauseKind.CONFIG})
# Who began within so many seconds of another began with it, to a reader.
_SURE_S = 5.0


def timeline(evidence: Sequence[Evidence], claims: Sequence[Claim]) -> tuple[TimelineEntry, ...]:
    """Return at most a dozen entries by time: what is cited, changes, the alarms' beginning, and each service's first anomaly.

    Of an anomaly it is said between when it may have begun.
    """
    cited = {evidence_id for claim in claims for evidence_id in claim.evidence_ids}
    dated = [one for one in evidence if one.onset is not None and not _told_by_others(one)]
    chosen = [one for one in dated if one.event_id in cited]
    chosen += [one for one in dated if one.kind in _ALWAYS and one not in chosen]
    chosen += [one for one in _firsts(dated) if one not in chosen]
    kept = sorted(chosen[:_MOST], key=_order)
    return tuple(
        TimelineEntry(
            at=one.onset or one.occurred_at,
            service=one.service,
            what=f"{one.statement}{_sureness(one)}",
            evidence_id=one.event_id,
        )
        for one in kept
    )


def _sureness(one: Evidence) -> str:
    """Between what the samples leave open: of two anomalies whose spans overlap it is not known which began first."""
    data = json.loads(one.data)
    early, late = (data.get(name) or 0.0 for name in ("onset_early_s", "onset_late_s"))
    if one.onset is None or early + late < _SURE_S:
        return ""
    earliest, latest = one.onset - timedelta(seconds=early), one.onset + timedelta(seconds=late)
    return f" (began between {earliest:%H:%M:%S} and {latest:%H:%M:%S})"


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
    return sorted(first.values(), key=lambda one: (-strength[one.service], one.onset, one.service))


def began_at(evidence: Sequence[Evidence], claims: Sequence[Claim]) -> datetime | None:
    """Return the earliest sign of the first cause, or of anything abnormal where no cause is claimed.

    A change is what may have begun it, not a sign of it, and what it began came after it. A weak sign beside strong ones may
    be chance, what moved the harmless way something else, and when a line came that was always logged now and then says little.
    """
    cited = set(claims[0].evidence_ids) if claims else None
    signs = [
        one
        for one in evidence
        if one.onset is not None
        and one.step in _SIGNS
        and (one.event_id in cited if cited is not None else (one.score or 0.0) >= _NOTABLE)
    ]
    at = _changed_at(evidence, claims[0]) if claims else None
    kept = _narrowed(
        signs, lambda one: at is None or (one.onset or at) >= at, _is_unusual, _is_telling, _hurts
    )
    return min((one.onset for one in kept if one.onset is not None), default=None)


def _narrowed(signs: Sequence[Evidence], *tests: Callable[[Evidence], bool]) -> Sequence[Evidence]:
    """Those that pass each test which any of them passes."""
    for test in tests:
        signs = [one for one in signs if test(one)] or signs
    return signs


def _changed_at(evidence: Sequence[Evidence], claim: Claim) -> datetime | None:
    """When the change was made that the claim names as the cause; None where it names none."""
    if claim.kind not in _BY_CHANGES:
        return None
    made = (
        one.onset
        for one in evidence
        if one.kind == FindingKind.RECENT_CHANGE
        and one.service == claim.service
        and one.event_id in claim.evidence_ids
    )
    return min((at for at in made if at is not None), default=None)


def _is_unusual(one: Evidence) -> bool:
    """Whether it is no line that was logged now and then before, too."""
    data = json.loads(one.data) if one.step == Source.LOGS else {}
    return bool(data.get("new", True))


def _is_telling(one: Evidence) -> bool:
    """Whether somebody was alarmed, or it is well past chance by itself."""
    return one.step == Source.ALARMS or (one.score or 0.0) >= _TELLING


def _hurts(one: Evidence) -> bool:
    return one.step == Source.ALARMS or any(
        clue.bad for own in clues_of([finding_of(one)]).values() for clue in own
    )
