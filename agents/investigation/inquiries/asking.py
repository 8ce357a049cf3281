"""What a model may ask of the data: typed, named, clamped to the investigation's window; never a query language.

A model's words become one of five looks at one service; the tenant, the window's borders and the limits are ours. Nothing of
what it wrote reaches a store: `match` is compared here, with what came back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from agents.investigation.publishable import unfit
from agents.llm.outputs import DataQuery
from schemas.events.base import Instant, Record

__all__ = [
    "ASKED",
    "MOST_AT_ONCE",
    "MOST_TURNS",
    "Asked",
    "Inquiring",
    "Inquiry",
    "Known",
    "LookAt",
    "Span",
    "accepted",
    "told",
]

ASKED = "asked|"
"""How the name of a finding begins that answers a query."""
MOST_TURNS = 3
"""How often a model may ask for more in one investigation, in all its looks together."""
MOST_AT_ONCE = 4
_MOST_EMPTY = 2
_MATCH_CHARS = 80


class LookAt(StrEnum):
    KPIS = "kpis"
    LOGS = "logs"
    CHANGES = "changes"
    ALARMS = "alarms"
    NEIGHBOURS = "neighbours"


_OF_ALL = frozenset({LookAt.CHANGES, LookAt.ALARMS})
_MATCHED = frozenset({LookAt.KPIS, LookAt.LOGS})


class Inquiry(Record):
    """One look at one source. Times are within the window of the look it was asked in."""

    look_at: LookAt
    service: str
    """Empty: every service, for changes and alarms."""
    match: str
    """Only what holds this text, whatever its case; empty: everything."""
    since: Instant
    until: Instant

    @property
    def name(self) -> str:
        """The same for the same question."""
        return f"{ASKED}{self.look_at}|{self.service}|{self.match}|{self.since:%Y%m%dT%H%M%S}|{self.until:%Y%m%dT%H%M%S}"


class Inquiring(Record):
    """How far a model has asked."""

    turns: int = 0
    empty_turns: int = 0
    """Turns in a row, up to the last, in which nothing was found."""
    asked: tuple[Inquiry, ...] = ()

    def after(self, asked: Sequence[Inquiry], *, empty: bool) -> Inquiring:
        """Return the same one turn later."""
        return Inquiring(
            turns=self.turns + 1,
            empty_turns=self.empty_turns + 1 if empty else 0,
            asked=(*self.asked, *asked),
        )


@dataclass(frozen=True, slots=True)
class Span:
    """The window that may be asked about, and when its incident part begins."""

    earliest: datetime
    start: datetime
    alarm_at: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What becomes of a model's wishes: `queries` are put next. `partial` says why they are not, where there were any."""

    queries: tuple[Inquiry, ...] = ()
    unanswered: tuple[Inquiry, ...] = ()
    partial: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a wish may name: these services, and words that `shown` holds or that nobody minds in a report."""

    services: Collection[str]
    shown: str = ""


def accepted(
    wishes: Iterable[DataQuery], span: Span, known: Known, so_far: Inquiring, *, affordable: bool
) -> Asked:
    """Return the wishes as inquiries, or why they are cut off.

    A wish about a service that nobody knows, or with a text that may not be published, is dropped. What was asked before is not
    asked again; where there is nothing new, or twice in a row nothing was found, or the turns are used up, or
    the budget is short, it ends.
    """
    sound = _sound(wishes, span, known)
    new = tuple(one for one in sound if one not in so_far.asked)
    if not sound:
        return Asked()
    if not new:
        return Asked(partial="a model asked again for what it had been shown")
    if not affordable:
        return Asked((), new, "the budget allows a model no further look")
    if so_far.empty_turns >= _MOST_EMPTY:
        return Asked((), new, f"what a model asked for came to nothing {_MOST_EMPTY} times in a row")
    if so_far.turns >= MOST_TURNS:
        return Asked((), new, f"a model asked for more than {MOST_TURNS} further looks allow")
    return Asked(new[:MOST_AT_ONCE])


def told(inquiry: Inquiry) -> str:
    """Return what was asked, in words."""
    of = f" of {inquiry.service}" if inquiry.service else " of all services"
    holding = f' that hold "{inquiry.match}"' if inquiry.match else ""
    return f"{_WORDS[inquiry.look_at]}{of}{holding} from {inquiry.since:%H:%M:%S} to {inquiry.until:%H:%M:%S}"


_WORDS = {
    LookAt.KPIS: "the metrics",
    LookAt.LOGS: "the log lines",
    LookAt.CHANGES: "the changes",
    LookAt.ALARMS: "the alarms",
    LookAt.NEIGHBOURS: "the neighbours",
}


def _sound(wishes: Iterable[DataQuery], span: Span, known: Known) -> tuple[Inquiry, ...]:
    """The wishes that may be put, each once, in their order."""
    inquiries = [_inquiry(wish, span) for wish in wishes]
    return tuple(dict.fromkeys(one for one in inquiries if _may_be_put(one, known)))


def _may_be_put(one: Inquiry, known: Known) -> bool:
    about = one.service in known.services or (not one.service and one.look_at in _OF_ALL)
    # It is quoted in the evidence: a word is harmless, an address is not.
    return about and not unfit(one.match, f"{known.shown} {one.match.replace('.', ' ')}")


def _inquiry(wish: DataQuery, span: Span) -> Inquiry:
    look_at = LookAt(wish.look_at)
    wanted = span.alarm_at - timedelta(minutes=wish.minutes_before)
    match = " ".join((wish.match or "").split())[:_MATCH_CHARS] if look_at in _MATCHED else ""
    return Inquiry(
        look_at=look_at,
        service=wish.service or "",
        match=match.lower(),
        since=span.earliest if look_at is LookAt.NEIGHBOURS else max(span.earliest, min(wanted, span.start)),
        until=span.end,
    )
