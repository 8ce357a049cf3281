"""What was found for an inquiry, as one sentence with its figures: facts, judged by nobody. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from agents.analysis.logs import template_of
from agents.analysis.signals import AlarmRecord, ChangeRecord, KpiSeries, LogRecord
from agents.analysis.words import clock, figure
from agents.investigation.inquiries.asking import Inquiry, told

__all__ = ["Facts", "alarm_facts", "change_facts", "kpi_facts", "log_facts", "neighbour_facts"]

T = TypeVar("T", AlarmRecord, ChangeRecord)

_MOST_METRICS = 8
_MOST_TEMPLATES = 6
_MOST_EVENTS = 10
_TEMPLATE_CHARS = 100
_TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class Facts:
    statement: str
    found: int
    """How many series, lines, events or services there were; 0 is an empty answer."""
    figures: Mapping[str, str | float | bool | None] = field(default_factory=dict)


def kpi_facts(inquiry: Inquiry, series: Sequence[KpiSeries], start: float) -> Facts:
    """Return the usual level of each metric before `start` (unix s) and since, those that moved most first."""
    levels = [_level(one, start) for one in series if _holds(inquiry.match, one.metric)]
    known = sorted((one for one in levels if one is not None), key=lambda one: (-one.moved, one.name))
    if not known:
        return _nothing(inquiry)
    said = "; ".join(one.said(start) for one in known[:_MOST_METRICS])
    figures = {key: value for one in known[:_MOST_METRICS] for key, value in one.figures().items()}
    return Facts(f"{_head(inquiry, len(known), 'series')}: {said}", len(known), figures)


def log_facts(inquiry: Inquiry, lines: Sequence[LogRecord], start: float) -> Facts:
    """Return how often each kind of line came before `start` (unix s) and since, the most frequent since then first."""
    counts: dict[str, list[int]] = {}
    for line in lines:
        if _holds(inquiry.match, line.message):
            counts.setdefault(template_of(line.message), [0, 0])[line.time >= start] += 1
    if not counts:
        return _nothing(inquiry)
    ordered = sorted(counts.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))[:_MOST_TEMPLATES]
    before, since = (sum(count[side] for count in counts.values()) for side in (0, 1))
    said = "; ".join(f'"{text[:_TEMPLATE_CHARS]}" {was} before, {now} since' for text, (was, now) in ordered)
    figures = {"before": before, "since": since}
    statement = (
        f"{_head(inquiry, before + since, 'lines')}, {before} before {clock(start)}, {since} since: {said}"
    )
    return Facts(statement, before + since, figures)


def change_facts(inquiry: Inquiry, changes: Sequence[ChangeRecord]) -> Facts:
    """Return the latest changes, by time."""
    said = [f'{c.service} {c.kind} "{c.title[:_TITLE_CHARS]}" at {clock(c.time)}' for c in _by_time(changes)]
    return _events(inquiry, said, "changes")


def alarm_facts(inquiry: Inquiry, alarms: Sequence[AlarmRecord]) -> Facts:
    """Return the latest alarms and clears, by time."""
    said = [
        f'{a.service} {"cleared" if a.cleared else a.severity} "{a.name[:_TITLE_CHARS]}" at {clock(a.time)}'
        for a in _by_time(alarms)
    ]
    return _events(inquiry, said, "alarms")


def neighbour_facts(
    inquiry: Inquiry, calls: Mapping[str, Collection[str]], abnormal: Collection[str]
) -> Facts:
    """Return who calls the service and whom it calls, and which of them were found abnormal."""
    callers = sorted(name for name, called in calls.items() if inquiry.service in called)
    callees = sorted(calls.get(inquiry.service, ()))
    if not callers and not callees:
        return _nothing(inquiry)
    loud = [name for name in dict.fromkeys((*callees, *callers)) if name in abnormal]
    statement = (
        f"{inquiry.service} calls {_names(callees)}, and is called by {_names(callers)}; "
        f"abnormal among them: {_names(loud)}"
    )
    return Facts(statement, len(callers) + len(callees), {"calls": len(callees), "called_by": len(callers)})


@dataclass(frozen=True, slots=True)
class _Level:
    """A metric's median before and since, and its highest since; NaN where there is no sample."""

    name: str
    before: float
    since: float
    highest: float

    @property
    def moved(self) -> float:
        if math.isnan(self.before) or math.isnan(self.since):
            return 0.0
        return abs(self.since - self.before) / (abs(self.before) + abs(self.since) or 1.0)

    def said(self, start: float) -> str:
        return (
            f"{self.name} {_figure(self.before)} before {clock(start)}, "
            f"{_figure(self.since)} since, highest {_figure(self.highest)}"
        )

    def figures(self) -> Mapping[str, float | None]:
        told_values = {"before": self.before, "since": self.since, "highest": self.highest}
        return {
            f"{self.name} {key}": None if math.isnan(value) else value for key, value in told_values.items()
        }


def _level(series: KpiSeries, start: float) -> _Level | None:
    cut = int(np.searchsorted(series.times, start, "left"))
    before, since = (part[~np.isnan(part)] for part in (series.values[:cut], series.values[cut:]))
    if not before.size and not since.size:
        return None
    where = ",".join(f"{key}={value}" for key, value in sorted(series.labels.items()))
    named = f"{series.metric}{{{where}}}" if where else series.metric
    # What is a sentence was written by somebody: it is quoted, as a log line is.
    name = f'"{named}"' if " " in named else named
    return _Level(name, _of(np.median, before), _of(np.median, since), _of(np.max, since))


def _of(statistic: Callable[..., np.float64], values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(statistic(values)) if values.size else math.nan


def _figure(value: float) -> str:
    return "nothing" if math.isnan(value) else figure(value)


def _events(inquiry: Inquiry, said: Sequence[str], what: str) -> Facts:
    if not said:
        return _nothing(inquiry)
    shown = "; ".join(said[-_MOST_EVENTS:])
    return Facts(f"{_head(inquiry, len(said), what)}: {shown}", len(said), {"found": len(said)})


def _by_time(records: Sequence[T]) -> list[T]:
    return sorted(records, key=lambda one: one.time)


def _head(inquiry: Inquiry, found: int, what: str) -> str:
    return f"Asked for {told(inquiry)}: {found} {what}"


def _nothing(inquiry: Inquiry) -> Facts:
    return Facts(f"Asked for {told(inquiry)}: there is none", 0, {"found": 0})


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"


def _holds(match: str, text: str) -> bool:
    return match in text.lower()
