"""Pure comparisons of what was produced with what was decided and landed: by id, nothing is estimated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "Check",
    "CheckResult",
    "LandedRows",
    "Place",
    "ProducedMessage",
    "check_decisions",
    "check_evidence",
    "check_investigations",
    "check_landing",
]

Place = tuple[int, int]
"""Partition and offset."""

_EXAMPLES = 10
_LANDING = "land"


class Check(StrEnum):
    """What is proven."""

    DECIDED = "decided"
    """Every valid alarm event has a decision."""
    LANDED = "landed"
    """Every message of a topic is in its table, or was dead-lettered."""
    LANDED_ONCE = "landed_once"
    """No message of a topic is in its table more than once."""
    ANSWERED = "answered"
    """Every investigation asked for has ended or is under way."""
    CITED = "cited"
    """Every evidence id in a report exists."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one topic: how many things were looked at, how many are wrong, and which, at most ten."""

    check: Check
    topic: str
    looked_at: int
    wrong: int
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.wrong == 0


@dataclass(frozen=True, slots=True)
class ProducedMessage:
    """A message as the log has it: `rows` it becomes in its table, None where it cannot be decoded."""

    place: Place
    event_id: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class LandedRows:
    """What one table holds of one topic.

    `rows`: stored rows by place; `distinct`: of them distinct places within their message. `newer_ids`: event ids
    that have a row, asked for those whose own place has none: a table that keeps one row per id drops the others.
    `buried`: places that were dead-lettered, and by which stages. `repeated_ids`: event ids with several rows in a
    table that is summed as it is.
    """

    rows: Mapping[Place, int]
    distinct: Mapping[Place, int]
    newer_ids: Collection[str] = ()
    buried: Mapping[Place, Collection[str]] = field(default_factory=dict)
    repeated_ids: Collection[str] = ()


def check_landing(
    topic: str, produced: Iterable[ProducedMessage], landed: LandedRows
) -> tuple[CheckResult, CheckResult]:
    """Compare the log with the table: what is not there, or only in part, and what is there twice."""
    messages = list(produced)
    missing = [_describe(topic, one) for one in messages if not _accounted_for(one, landed)]
    doubled = [
        f"{topic}/{place[0]}@{place[1]}: {rows} rows for {landed.distinct[place]}"
        for place, rows in sorted(landed.rows.items())
        if rows > landed.distinct[place]
    ]
    doubled += [f"{topic}: {event_id} has several rows" for event_id in landed.repeated_ids]
    return (
        _result(Check.LANDED, topic, len(messages), missing),
        _result(Check.LANDED_ONCE, topic, len(landed.rows), doubled),
    )


def _accounted_for(message: ProducedMessage, landed: LandedRows) -> bool:
    if message.rows is None:
        return message.place in landed.buried
    if landed.distinct.get(message.place, 0) == message.rows:
        return True
    # Whoever else could not handle it, it can land; only what landing gave up on need not be there.
    refused = _LANDING in landed.buried.get(message.place, ())
    return refused or (message.rows == 1 and message.event_id in landed.newer_ids)


def _describe(topic: str, message: ProducedMessage) -> str:
    what = message.event_id or "not decodable, and not among the dead letters"
    return f"{topic}/{message.place[0]}@{message.place[1]}: {what}"


def check_decisions(alarm_ids: Collection[str], decided_ids: Collection[str], topic: str) -> CheckResult:
    """Every alarm event id was decided upon."""
    return _result(Check.DECIDED, topic, len(set(alarm_ids)), sorted(set(alarm_ids) - set(decided_ids)))


def check_investigations(requested: Collection[str], heard_of: Collection[str], topic: str) -> CheckResult:
    """Every investigation that was asked for has said something: it ended or is under way."""
    silent = sorted(set(requested) - set(heard_of))
    return _result(Check.ANSWERED, topic, len(set(requested)), silent)


def check_evidence(
    citations: Mapping[str, Collection[str]], existing: Collection[str], topic: str
) -> CheckResult:
    """Every evidence id that a report (the key) cites exists."""
    known = set(existing)
    dangling = [
        f"{report} cites {cited}"
        for report, ids in sorted(citations.items())
        for cited in sorted(set(ids) - known)
    ]
    return _result(Check.CITED, topic, sum(len(set(ids)) for ids in citations.values()), dangling)


def _result(check: Check, topic: str, looked_at: int, wrong: list[str]) -> CheckResult:
    return CheckResult(check, topic, looked_at, len(wrong), tuple(wrong[:_EXAMPLES]))
