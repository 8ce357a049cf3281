"""What was found in log lines, as findings: each sentence quotes the figures of its `data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.analysis.composition import NOTABLE_SIGMAS, Deviation
from agents.analysis.findings import Finding, FindingKind, Source, nothing_seen
from agents.analysis.log_mining.chance import strength
from agents.analysis.log_mining.departures import Departure
from agents.analysis.log_mining.rates import Rates
from agents.analysis.log_mining.shares import Share
from agents.analysis.log_mining.table import LineTable, Statement
from agents.analysis.words import clock, figure, span

__all__ = ["Bounds", "Telling", "no_data"]

_SHOWN = 120
_CONTEXT_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many sigmas chance exceeds by itself: within requests, and in the counts of error lines."""

    inside: float
    errors: float


class Telling:
    """Findings on one incident whose lines divide at `moment`; its window ends at `end`."""

    def __init__(self, table: LineTable, rates: Rates, bounds: Bounds, moment: float, end: float) -> None:
        self._table = table
        self._bounds = bounds
        self._rates = rates
        self._moment = moment
        self._span = span(end - moment)
        self._lasted_s = round(end - moment, 6)

    def departed(self, one: Departure) -> Finding | None:
        """Return a notable line that no longer follows, or newly follows, another within requests.

        Fewer errors accuse nobody.
        """
        told, grew = self._table.statements[one.statement], one.sigmas > 0
        score = strength(one.sigmas, self._bounds.inside) * one.own
        if score < 1 or (told.error and not grew):
            return None
        new = self._is_new(one.statement)
        kind = _kind(grew=grew, error=told.error, new=new)
        return Finding(
            source=Source.LOGS,
            kind=kind,
            service=told.service,
            subject=f"{told.service}|{told.template[:_SHOWN]}|{kind}",
            statement=self._in_requests(told, self._table.statements[one.context], one),
            score=score,
            onset=self._first(one.statement) if grew else self._moment,
            direction=1 if grew else -1,
            data={
                "template": told.template,
                "context": self._table.statements[one.context].template,
                "context_service": self._table.statements[one.context].service,
                "lasted_s": self._lasted_s,
                "before": one.before.count,
                "before_of": one.before.total,
                "after": one.after.count,
                "after_of": one.after.total,
                "own_share": one.own,
                "new": new,
                "error": told.error,
                "failure": told.failure,
            },
        )

    def deviated(self, one: Deviation) -> Finding | None:
        """Return a notable deviation."""
        number, score = int(one.key), self._weight(one)
        told, grew = self._table.statements[number], one.score > 0
        if score < 1:
            return None
        new = self._is_new(number)
        kind = _kind(grew=grew, error=told.error, new=new)
        return Finding(
            source=Source.LOGS,
            kind=kind,
            service=told.service,
            subject=f"{told.service}|{told.template[:_SHOWN]}|{kind}",
            statement=self._in_all(told, one, new=new),
            score=score,
            onset=self._first(number) if grew else self._moment,
            direction=1 if grew else -1,
            data={
                "template": told.template,
                "expected": one.expected,
                "observed": one.observed,
                "new": new,
                "error": told.error,
                "failure": told.failure,
            },
        )

    def _weight(self, one: Deviation) -> float:
        """An error line that grew speaks of a failure itself: up to double, beyond chance. Fewer errors accuse nobody."""
        if not self._table.statements[int(one.key)].error:
            return abs(one.score)
        return strength(one.score * NOTABLE_SIGMAS, self._bounds.errors) if one.score > 0 else 0.0

    def goes_on(self, service: str) -> bool:
        """Whether the service wrote lines both before the moment and from then on."""
        own = self._rates.by_service[service]
        return bool(self._rates.before[own].any() and self._rates.after[own].any())

    def calm(self, service: str, deviations: Sequence[Deviation]) -> Finding:
        """Return that nothing of a service comes notably more or less often, but for errors that became fewer."""
        own = self._rates.by_service[service]
        fewer = any(one.score <= -1 and self._table.statements[int(one.key)].error for one in deviations)
        lines = int(self._rates.before[own].sum() + self._rates.after[own].sum())
        after = int(self._rates.after[own].sum())
        return Finding(
            source=Source.LOGS,
            kind=FindingKind.NORMAL,
            service=service,
            subject=f"{service}|logs|{FindingKind.NORMAL}",
            statement=(
                f"{service}: {_many(lines, 'line')} of {_many(len(own), 'template')}, "
                f"{figure(after)} of them since {clock(self._moment)}, come as usual for its load"
                f"{', errors less often' if fewer else ''}"
            ),
            score=max((self._weight(one) for one in deviations), default=0.0),
            data={
                "lines": lines,
                "templates": len(own),
                "after": after,
                "fewer_errors": fewer,
                "lasted_s": self._lasted_s,
            },
        )

    def _first(self, number: int) -> float | None:
        """When the statement was first written from the moment on."""
        times = self._table.times[self._table.statement == number]
        later = times[times >= self._moment]
        return float(later[0]) if later.size else None

    def _is_new(self, number: int) -> bool:
        """Whether it was never written before. That none were due is not enough: a silent service is due nothing."""
        return not self._rates.before[number]

    def _in_requests(self, told: Statement, context: Statement, one: Departure) -> str:
        what = "error line" if told.error else "log line"
        whom = "" if context.service == told.service else f"{context.service} "
        asked = f'that {whom}logged "{context.template[:_CONTEXT_SHOWN]}"'
        return (
            f'{told.service} logs the {what} "{told.template[:_SHOWN]}" in {_of(one.after)} requests {asked} '
            f"since {clock(self._moment)}, in {_of(one.before)} before"
        )

    def _in_all(self, told: Statement, one: Deviation, *, new: bool) -> str:
        what, text = "error line" if told.error else "log line", f'"{told.template[:_SHOWN]}"'
        if new:
            first = self._first(int(one.key))
            since = f", first at {clock(first)}" if first is not None else ""
            return (
                f"{told.service} logs a new {what} {text} {figure(one.observed)} times in {self._span}{since}"
            )
        verb = "more often" if one.score > 0 else "less often"
        return (
            f"{told.service} logs the {what} {text} {verb} than its load explains: "
            f"{figure(one.observed)} times in {self._span}, {figure(one.expected)} expected"
        )


def no_data() -> Finding:
    """Return that nothing can be said."""
    return nothing_seen(
        Source.LOGS, "There are no log lines, or too few before the incident to know what is healthy"
    )


def _kind(*, grew: bool, error: bool, new: bool) -> FindingKind:
    if grew and error:
        return FindingKind.ERROR_BURST
    return FindingKind.NEW_LOG_TEMPLATE if grew and new else FindingKind.LOG_RATE_CHANGE


def _of(share: Share) -> str:
    return f"{figure(share.count)} of {figure(share.total)}"


def _many(count: int, what: str) -> str:
    return f"{figure(count)} {what}{'' if count == 1 else 's'}"
