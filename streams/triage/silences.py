"""Maintenance windows: which silence, if any, covers an alarm."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Protocol, assert_never

import re2

from schemas.control import Matcher, MatchOperator, Silence
from schemas.events import AlarmRaw

__all__ = ["matches", "silence_of"]

_FIELDS = frozenset({"name", "service", "severity", "entity", "host", "source", "indicator"})


class _Pattern(Protocol):
    def fullmatch(self, text: str) -> object | None: ...


def silence_of(alarm: AlarmRaw, at: datetime, silences: Iterable[Silence]) -> Silence | None:
    """The first silence of the alarm's tenant that holds at event time `at` and matches, by silence id."""
    holding = (one for one in silences if one.starts_at <= at < one.ends_at and one.tenant == alarm.tenant)
    covering = (one for one in holding if all(matches(matcher, alarm) for matcher in one.matchers))
    return min(covering, key=lambda one: one.silence_id, default=None)


def matches(matcher: Matcher, alarm: AlarmRaw) -> bool:
    """Whether one condition holds; a missing label is empty text, a pattern that cannot be read never matches."""
    value = _value(matcher.field, alarm)
    match matcher.operator:
        case MatchOperator.EQUAL:
            return value == matcher.value
        case MatchOperator.NOT_EQUAL:
            return value != matcher.value
        case MatchOperator.REGEX:
            pattern = _pattern(matcher.value)
            return pattern is not None and pattern.fullmatch(value) is not None
        case MatchOperator.NOT_REGEX:
            pattern = _pattern(matcher.value)
            return pattern is not None and pattern.fullmatch(value) is None
        case _:
            assert_never(matcher.operator)


def _value(field: str, alarm: AlarmRaw) -> str:
    return str(getattr(alarm, field)) if field in _FIELDS else alarm.labels.get(field, "")


@lru_cache(maxsize=1024)
def _pattern(text: str) -> _Pattern | None:
    """RE2, so that no pattern of a tenant can take more than linear time."""
    try:
        pattern: _Pattern = re2.compile(text)
    except re2.error:
        return None
    return pattern
