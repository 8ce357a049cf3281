"""The same time of other days: what happens every day is no news, and what every other day has and today has not is one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from agents.analysis.earlier_days import DAY_S, DAYS_BEFORE, WEEK
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.grids import grids_of
from agents.analysis.signals import KpiSeries, Window
from agents.analysis.stays import undecided
from agents.investigation.fetching import together
from agents.ports import Fetched

__all__ = ["FetchDay", "other_days", "span_before", "suspects", "with_days"]

_DAY: Final = timedelta(seconds=DAY_S)
# Samples need not come at the same second every day, and seldom come more than a minute apart.
_SLACK: Final = timedelta(seconds=60)
_BEFORE_TODAY: Final = timedelta(milliseconds=1)
_UNREMARKABLE: Final = frozenset({FindingKind.NORMAL, FindingKind.NO_DATA, FindingKind.MISSING_DATA})
_MORE: Final = tuple(days for days in DAYS_BEFORE.values() if days not in {1, WEEK})
_Name = tuple[str, str, tuple[tuple[str, str], ...]]

FetchDay = Callable[[Sequence[str], int], Awaitable[Fetched[KpiSeries] | None]]
"""What these services measured at the same time so many days before; None where it cannot be read."""


def suspects(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the services with a metric out of its range, by name: what they do every day is no news."""
    odd = (f for f in findings if f.source is Source.KPIS and f.kind not in _UNREMARKABLE)
    return tuple(sorted({finding.service for finding in odd}))


def span_before(start: datetime, end: datetime, days: int = 1) -> tuple[datetime, datetime]:
    """Return the same span so many days earlier, a minute longer at either end, as far as it lies before `start`."""
    ago = days * _DAY
    return start - ago - _SLACK, min(end - ago + _SLACK, start - _BEFORE_TODAY)


async def other_days(
    fetch: FetchDay, today: Fetched[KpiSeries], odd: Sequence[str], near: Sequence[str], window: Window
) -> tuple[Fetched[KpiSeries], ...]:
    """Return what was read of other days: of the odd and the near the day before, of the near this day of the week.

    Where these two do not settle whether something stayed away today, more days are read of whose it is. Where nothing is
    stored of the day before, or it is in the baseline already, nothing older is read.
    """
    named = sorted({*odd, *near})
    before = await fetch(named, 1) if named else None
    if before is None:
        return ()
    long = window.end - window.baseline_start >= DAY_S - 2 * _SLACK.total_seconds()
    if not before.items or not near or long:
        return (before,)
    week = await fetch(sorted(near), WEEK)
    days = [before] if week is None else [week, before]
    open_ones = await asyncio.to_thread(_undecided, with_days(today, days).items, window, near)
    for ago in _MORE:
        more = await fetch(sorted(open_ones), ago) if open_ones else None
        days += [more] if more is not None else []
    return tuple(days)


def _undecided(kpis: Sequence[KpiSeries], window: Window, near: Sequence[str]) -> set[str]:
    grids = grids_of([one for one in kpis if one.service in near])
    return {service for grid in grids for service in undecided(grid, window, near)}


def with_days(today: Fetched[KpiSeries], days: Sequence[Fetched[KpiSeries]]) -> Fetched[KpiSeries]:
    """Return today's series, each after its own samples of the other days.

    All queries are paid; they are told as one, but for those that had nothing to show.
    """
    earlier = [{_name(one): one for one in day.items} for day in days]
    told = today
    for day in days:
        both = together(told, day, ())
        told = both if day.items else replace(both, query=told.query)
    return replace(told, items=tuple(_after(earlier, one) for one in today.items))


def _name(series: KpiSeries) -> _Name:
    return series.service, series.metric, tuple(sorted(series.labels.items()))


def _after(earlier: Sequence[Mapping[_Name, KpiSeries]], series: KpiSeries) -> KpiSeries:
    name = _name(series)
    parts = [day[name] for day in earlier if name in day and day[name].times.size]
    if not parts:
        return series
    parts = [*sorted(parts, key=lambda one: float(one.times[0])), series]
    return replace(
        series,
        times=np.concatenate([one.times for one in parts]),
        values=np.concatenate([one.values for one in parts]),
    )
