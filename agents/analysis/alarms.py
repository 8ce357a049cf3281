"""What a storm of alarms says: which came first, which tell of a resource and which only of a symptom.

An alarm that everybody raises at once tells little about anyone: each is weighed by how few entities raise its like
(inverse document frequency) and how soon in the storm it came.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source, nothing_seen
from agents.analysis.metrics import nature_of
from agents.analysis.signals import AlarmRecord, Window
from agents.analysis.words import clock, many, span

__all__ = ["analyse_alarms"]

# An alarm that comes two minutes after the storm began weighs half.
_HALF_WEIGHT_S = 120.0
_DOWN = re.compile(
    r"\b(down|below|under|low(?:er)?|drop(?:s|ped)?|fewer|less|fell|falls?|decreas\w+)\b", re.IGNORECASE
)
_NUMBER = r"(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)"
_FROM_TO = re.compile(rf"\bfrom (?:about )?{_NUMBER} to {_NUMBER}")
_TO_FROM = re.compile(rf"\b(?:to|reached) {_NUMBER} from (?:about )?{_NUMBER}")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class _Group:
    """Alarms of one service about one kind of metric in one direction, or its symptom alarms."""

    service: str
    kind: CauseKind
    direction: int
    alarms: tuple[AlarmRecord, ...]
    weight: float


def analyse_alarms(alarms: Sequence[AlarmRecord], window: Window, alarm_service: str) -> tuple[Finding, ...]:
    """Findings on the alarms raised in the window; `no_data` where none was.

    One `alarm_storm` for the whole, one `first_alarm`, one `metric_alarm` for each service, kind of metric and
    direction, one `symptom` for each service with alarms about no metric. Scores are weights, not counts.
    """
    raised = sorted(
        (a for a in alarms if not a.cleared and window.start <= a.time <= window.end),
        key=lambda a: (
            a.time,
            a.service,
            a.name,
            a.indicator,
            a.entity,
            a.host,
            a.kind,
            a.severity,
            a.detail,
        ),
    )
    if not raised:
        return (_no_data(window),)
    groups = _groups(raised)
    findings = [_group_finding(group) for group in groups]
    ordered = sorted(findings, key=lambda f: (-(f.score or 0.0), f.subject))
    return (_storm(raised, alarm_service), _first(raised), *ordered)


def _groups(raised: Sequence[AlarmRecord]) -> list[_Group]:
    start = raised[0].time
    spread: Counter[tuple[str, int]] = Counter()
    for _, family, direction in {(a.service, _family(a), _direction(a)) for a in raised}:
        spread[family, direction] += 1
    entities = len({a.service for a in raised})
    members: dict[tuple[str, CauseKind, int], list[AlarmRecord]] = {}
    for alarm in raised:
        kind = nature_of(alarm.indicator).kind if alarm.indicator else CauseKind.UNKNOWN
        members.setdefault((alarm.service, kind, _direction(alarm)), []).append(alarm)
    return [
        _Group(service, kind, direction, tuple(own), _weight(own, spread, entities, start))
        for (service, kind, direction), own in sorted(members.items())
    ]


def _weight(
    own: Sequence[AlarmRecord], spread: Counter[tuple[str, int]], entities: int, start: float
) -> float:
    """Sum over the distinct alarms of rarity times earliness, damped: ten views of one thing are not ten things."""
    best: dict[tuple[str, int], float] = {}
    for alarm in own:
        key = _family(alarm), _direction(alarm)
        rarity = math.log((entities + 1) / spread[key]) / math.log(entities + 1)
        early = 1.0 / (1.0 + (alarm.time - start) / _HALF_WEIGHT_S)
        best[key] = max(best.get(key, 0.0), rarity * early)
    return math.log2(1.0 + sum(best.values()))


def _family(alarm: AlarmRecord) -> str:
    """The alarm's name without its numbers, so that sixteen cores are one family."""
    return _DIGITS.sub("#", alarm.indicator or alarm.name)


def _direction(alarm: AlarmRecord) -> int:
    if not alarm.indicator:
        return 0
    levels = _levels(alarm.detail)
    if levels is not None:
        return 1 if levels[1] > levels[0] else -1
    return -1 if _DOWN.search(alarm.detail) else 1


def _levels(detail: str) -> tuple[float, float] | None:
    """Where it went from and to, if the alarm says that in figures that differ."""
    told = _FROM_TO.search(detail)
    found = told.groups() if told else ()
    if not told and (came := _TO_FROM.search(detail)):
        found = came.groups()[::-1]
    levels = [float(one.replace(",", "")) for one in found]
    return (levels[0], levels[1]) if len(levels) == 2 and levels[0] != levels[1] else None


def _group_finding(group: _Group) -> Finding:
    first = group.alarms[0]
    symptom = not first.indicator
    kind = FindingKind.SYMPTOM if symptom else FindingKind.METRIC_ALARM
    names = list(dict.fromkeys(a.indicator or a.name for a in group.alarms))
    side = "low" if group.direction < 0 else "high"
    what = "symptom" if symptom else f"{group.kind} {side}"
    callers = sorted({a.host for a in group.alarms if a.host and a.host != group.service}) if symptom else []
    return Finding(
        source=Source.ALARMS,
        kind=kind,
        service=group.service,
        indicator=first.indicator,
        subject=f"{group.service}|{what}|{kind}",
        statement=(
            f"{group.service} raised {_counted(group)}{names[0]}{'' if symptom else f' {side}'}, at {clock(first.time)}"
        ),
        score=group.weight,
        onset=first.time,
        direction=group.direction,
        data={
            "count": len(group.alarms),
            "distinct": len(names),
            "metric_kind": group.kind.value,
            "good_high": nature_of(first.indicator).good_high,
            "callers": ", ".join(callers[:8]),
            "host": first.host or None,
        },
    )


def _counted(group: _Group) -> str:
    """`one disk alarm, `, `3 symptom alarms, the first `."""
    kind = "symptom " if not group.direction else "" if group.kind is CauseKind.UNKNOWN else f"{group.kind} "
    count = len(group.alarms)
    return f"one {kind}alarm, " if count == 1 else f"{count} {kind}alarms, the first "


def _storm(raised: Sequence[AlarmRecord], alarm_service: str) -> Finding:
    services = {a.service for a in raised}
    length = raised[-1].time - raised[0].time
    return Finding(
        source=Source.ALARMS,
        kind=FindingKind.ALARM_STORM,
        service=alarm_service,
        subject=f"{alarm_service}||{FindingKind.ALARM_STORM}",
        statement=f"{_so_many(raised, services)} {_meanwhile(raised[0].time, length)}",
        onset=raised[0].time,
        data={"alarms": len(raised), "services": len(services), "seconds": length},
    )


def _so_many(raised: Sequence[AlarmRecord], services: Collection[str]) -> str:
    count = many(len(raised), "alarm")
    if len(services) > 1:
        return f"{count} from {len(services)} services"
    (service,) = services
    return f"{count} on {service}" if service.strip("-") else count


def _meanwhile(start: float, length: float) -> str:
    return f"at {clock(start)}" if length < 1.0 else f"within {span(length)}"


def _first(raised: Sequence[AlarmRecord]) -> Finding:
    first = raised[0]
    together = sorted({a.service for a in raised if a.time == first.time})
    if len(together) > 1:
        return _first_together(first, together)
    lead, behind = _lead(first, raised)
    which = "first" if len(raised) > 1 else "only"
    return Finding(
        source=Source.ALARMS,
        kind=FindingKind.FIRST_ALARM,
        service=first.service,
        indicator=first.indicator,
        subject=f"{first.service}|{first.name[:80]}|{FindingKind.FIRST_ALARM}",
        statement=f"{first.service} raised the {which} alarm, {first.name}, at {clock(first.time)}{behind}",
        onset=first.time,
        data={"lead_s": lead, "name": first.name},
    )


def _lead(first: AlarmRecord, raised: Sequence[AlarmRecord]) -> tuple[float | None, str]:
    """By how many seconds the first service was before the next, in words too; None where it is the only one."""
    others = [a for a in raised if a.service != first.service]
    if not others:
        return None, ""
    lead = others[0].time - first.time
    following = sorted({a.service for a in others if a.time == others[0].time})
    return (
        lead,
        f", {span(lead)} before {following[0] if len(following) == 1 else f'{len(following)} others'}",
    )


def _first_together(first: AlarmRecord, services: Sequence[str]) -> Finding:
    """Of several at one moment none was first, whatever their names."""
    return Finding(
        source=Source.ALARMS,
        kind=FindingKind.FIRST_ALARM,
        service="",
        subject=f"||{FindingKind.FIRST_ALARM}",
        statement=f"{len(services)} services raised the first alarms at {clock(first.time)}, none before the others",
        onset=first.time,
        data={"lead_s": 0.0, "services": len(services)},
    )


def _no_data(window: Window) -> Finding:
    return nothing_seen(
        Source.ALARMS, f"No alarm was raised between {clock(window.start)} and {clock(window.end)}"
    )
