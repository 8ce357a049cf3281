"""The decision on one alarm event: state and event in, new state and decision out. Pure.

Messages may come twice, late or out of order. What orders them is the start of the firing they speak of, and
within one firing that a clear follows the fire. Every id has one decision. An id is decided again in two cases only,
each told by a decision of its own kind: its severity changed (`updated`), or what a silence or flapping held back
is told at last (`opened`, `updated` or `cleared`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import assert_never

from schemas.control import Silence
from schemas.events import AlarmRaw, AlarmStatus, Decision, Severity
from streams.triage.alarm_state import REMEMBERED_IDS, AlarmState, token_of
from streams.triage.flapping import is_flapping, with_change
from streams.triage.settings import FlappingRules

__all__ = ["Judgement", "judge", "release"]

_RANK = {
    Severity.CLEARED: 0,
    Severity.WARNING: 1,
    Severity.MINOR: 2,
    Severity.MAJOR: 3,
    Severity.CRITICAL: 4,
}


class _Change(Enum):
    """What an event means for the state known so far."""

    FIRED = auto()
    CLEARED = auto()
    SEVERITY = auto()
    NOTHING = auto()
    STALE = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The new state and the decision; None for an exact repeat, whose decision exists already."""

    state: AlarmState
    decision: Decision | None
    reason: str = ""


def judge(
    state: AlarmState | None,
    alarm: AlarmRaw,
    seen_at: datetime,
    silence: Silence | None,
    rules: FlappingRules,
) -> Judgement:
    """Decide on an alarm event, given what is known of its alarm (None: nothing) and the silence that covers it."""
    change = _change(state, alarm)
    repeat = state is not None and state.knows(alarm)
    after = _applied(state, alarm, change, seen_at, rules)
    match change:
        case _Change.STALE | _Change.NOTHING if repeat:
            return Judgement(after, None)
        case _Change.STALE:
            return Judgement(after, Decision.STALE, "a newer state of this alarm is known")
        case _Change.NOTHING:
            return Judgement(after, Decision.DEDUPLICATED, f"already {after.status}")
        case _Change.FIRED | _Change.CLEARED | _Change.SEVERITY:
            return _told_or_held(after, alarm, alarm.occurred_at, silence, rules, known=state is not None)
        case _:
            assert_never(change)


def release(
    state: AlarmState, at: datetime, silence: Silence | None, rules: FlappingRules
) -> Judgement | None:
    """Tell what was held back, once neither the silence nor flapping hold any more at event time `at`; else None."""
    if state.held is None or silence is not None or is_flapping(state.changes, at, rules):
        return None
    return _told_or_held(state, state.held, at, None, rules, known=True)


def _change(state: AlarmState | None, alarm: AlarmRaw) -> _Change:
    firing = alarm.status is AlarmStatus.FIRING
    if state is None:
        return _Change.FIRED if firing else _Change.CLEARED
    if alarm.started_at < state.started_at:
        return _Change.STALE
    if alarm.status is state.status:
        return _Change.SEVERITY if firing and _severity_changed(state, alarm) else _Change.NOTHING
    if not firing:
        return _Change.CLEARED
    return _Change.FIRED if alarm.started_at > state.started_at else _Change.STALE


def _severity_changed(state: AlarmState, alarm: AlarmRaw) -> bool:
    """A later message wins; of two at the same instant the worse, whichever comes first."""
    if alarm.occurred_at == state.as_of:
        return _RANK[alarm.severity] > _RANK[state.severity]
    return alarm.severity is not state.severity and alarm.occurred_at > state.as_of


def _applied(
    state: AlarmState | None, alarm: AlarmRaw, change: _Change, seen_at: datetime, rules: FlappingRules
) -> AlarmState:
    if state is None:
        return AlarmState(
            status=alarm.status,
            severity=alarm.severity,
            started_at=alarm.started_at,
            as_of=alarm.occurred_at,
            seen_at=seen_at,
            changes=(alarm.occurred_at,),
            decided=(token_of(alarm),),
        )
    update: dict[str, object] = {"seen_at": state.seen(seen_at)}
    if not state.knows(alarm):
        update["decided"] = (*state.decided, token_of(alarm))[-REMEMBERED_IDS:]
    if change is not _Change.STALE:
        update["started_at"] = alarm.started_at
        update["as_of"] = max(state.as_of, alarm.occurred_at)
    if change in (_Change.FIRED, _Change.CLEARED):
        update["status"] = alarm.status
        update["changes"] = with_change(state.changes, alarm.occurred_at, rules)
    if change in (_Change.FIRED, _Change.SEVERITY):
        update["severity"] = alarm.severity
    return state.model_copy(update=update)


def _told_or_held(  # noqa: PLR0913 - the circumstances of one decision
    after: AlarmState,
    alarm: AlarmRaw,
    at: datetime,
    silence: Silence | None,
    rules: FlappingRules,
    *,
    known: bool,
) -> Judgement:
    if is_flapping(after.changes, at, rules):
        reason = f"{rules.changes} changes within {rules.window_s:g} s"
        return Judgement(_holding(after, alarm), Decision.FLAPPING, reason)
    clears_what_was_told = after.status is AlarmStatus.CLEARED and after.told is AlarmStatus.FIRING
    if silence is not None and not clears_what_was_told:
        return Judgement(_holding(after, alarm), Decision.SILENCED, silence.silence_id)
    late = "" if not known or alarm is not after.held else "was held back until now"
    told = after.model_copy(
        update={"told": after.status, "told_severity": after.severity, "held": None},
    )
    return Judgement(told, _news(after), late)


def _holding(after: AlarmState, alarm: AlarmRaw) -> AlarmState:
    """Hold the newest state back where it differs from what was told."""
    believed = after.told or AlarmStatus.CLEARED
    same = after.status is believed and (
        after.status is AlarmStatus.CLEARED or after.severity is after.told_severity
    )
    return after.model_copy(update={"held": None if same else alarm})


def _news(after: AlarmState) -> Decision:
    if after.status is AlarmStatus.CLEARED:
        return Decision.CLEARED
    return Decision.UPDATED if after.told is AlarmStatus.FIRING else Decision.OPENED
