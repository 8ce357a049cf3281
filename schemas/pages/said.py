"""What people said of a report: would acting on it have fixed it?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas.events.report import Feedback
from schemas.pages.blocks import Entry, Line, Moment, Plain, Section, Strong
from schemas.pages.parts import listed, plain
from schemas.pages.words import many

__all__ = ["SCORE_WORDS", "said_in_short", "said_section"]

SCORE_WORDS: Final[Mapping[int, str]] = {
    100: "acting on it fixed it, or would have",
    65: "mostly: it led there",
    35: "a little",
    0: "no, or it led astray",
}
"""What each score answers to: would acting on the report have fixed it?"""


def said_in_short(said: Sequence[Feedback]) -> Line:
    """Return all of it in a line, to be known before anybody acts; nothing where nobody said anything."""
    if not said:
        return ()
    mean = sum(one.score for one in said) / len(said)
    named = _services(said)
    after_all = f"; the cause, they say, was {', '.join(named)}" if named else ""
    return plain(
        f"acting on it would have fixed it: {mean:.0f} of 100, {many(len(said), 'answer')}{after_all}"
    )


def said_section(said: Iterable[Feedback]) -> Section:
    """Return each answer, the newest first."""
    newest = sorted(said, key=lambda one: (one.occurred_at, one.event_id), reverse=True)
    return Section("What people said of it", listed(tuple(map(_answer, newest))))


def _services(said: Iterable[Feedback]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.actual_service for one in said if one.actual_service))


def _answer(one: Feedback) -> Entry:
    meant = SCORE_WORDS.get(one.score, "")
    who: Line = (Strong(f"{one.score} of 100"), Plain(f"{f' ({meant})' if meant else ''}, {one.by}, "))
    what = f": {one.comment}" if one.comment else ""
    after_all: Line = (Plain("; the cause was "), Strong(one.actual_service)) if one.actual_service else ()
    return Entry((*who, Moment(one.occurred_at, dated=True), *after_all, Plain(what)))
