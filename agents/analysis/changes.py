"""What was changed shortly before, where and how near."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agents.analysis.findings import Finding, FindingKind, Source, nothing_seen
from agents.analysis.signals import ChangeRecord, Window
from agents.analysis.words import clock, span

__all__ = ["analyse_changes"]

# A change made half an hour before the alarm weighs 1, one just before it twice as much: most faults that a change
# makes show within minutes of it, slow ones (leaks, filling disks) later.
_HALF_LIFE_S = 1800.0
_FRESH = 2.0


def analyse_changes(changes: Sequence[ChangeRecord], window: Window) -> tuple[Finding, ...]:
    """One finding a change made between the baseline's start and the alarm, nearest first; else `no_data`.

    A change after the alarm is left out: it may be the cure, never the cause.
    """
    earlier = [c for c in changes if window.baseline_start <= c.time <= window.alarm_at]
    if not earlier:
        return (_no_data(window),)
    ordered = sorted(earlier, key=lambda c: (-c.time, c.service, c.kind, c.title, c.change_id))
    findings = [_finding(change, window) for change in ordered]
    return tuple({finding.subject: finding for finding in findings}.values())


def _finding(change: ChangeRecord, window: Window) -> Finding:
    age = window.alarm_at - change.time
    name = change.change_id or f"{change.title[:80]}@{change.time:.0f}"
    return Finding(
        source=Source.CHANGES,
        kind=FindingKind.RECENT_CHANGE,
        service=change.service,
        subject=f"{change.service}|{name}|{FindingKind.RECENT_CHANGE}",
        statement=f"{change.service}: {_what(change)} at {clock(change.time)}, {span(age)} before the alarm",
        score=_FRESH * math.exp2(-age / _HALF_LIFE_S),
        onset=change.time,
        data={"change_kind": change.kind, "title": change.title, "age_s": age, "change_id": change.change_id},
    )


def _what(change: ChangeRecord) -> str:
    """Its kind and title; most titles begin with the kind."""
    named = change.title.casefold().startswith(change.kind.casefold())
    return f'"{change.title}"' if named else f'{change.kind} "{change.title}"'


def _no_data(window: Window) -> Finding:
    return nothing_seen(
        Source.CHANGES, f"No change was recorded between {clock(window.baseline_start)} and the alarm"
    )
