"""The same time of the day before, for those that look out of the ordinary today: what happens every day is no news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.shifts import DAY_S
from agents.analysis.signals import KpiSeries
from agents.investigation.fetching import together
from agents.ports import Fetched

__all__ = ["joined", "span_before", "suspects"]

_DAY: Final = timedelta(seconds=DAY_S)
# Samples need not come at the same second every day, and seldom come more than a minute apart.
_SLACK: Final = timedelta(seconds=60)
_BEFORE_TODAY: Final = timedelta(milliseconds=1)
_UNREMARKABLE: Final = frozenset({FindingKind.NORMAL, FindingKind.NO_DATA, FindingKind.MISSING_DATA})
_Name = tuple[str, str, tuple[tuple[str, str], ...]]


def suspects(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return the services with a metric out of its range, by name: only of those the day before can change anything."""
    odd = (f for f in findings if f.source is Source.KPIS and f.kind not in _UNREMARKABLE)
    return tuple(sorted({finding.service for finding in odd}))


def span_before(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the same span a day earlier, a minute longer at either end, as far as it lies before `start`."""
    return start - _DAY - _SLACK, min(end - _DAY + _SLACK, start - _BEFORE_TODAY)


def joined(today: Fetched[KpiSeries], before: Fetched[KpiSeries]) -> Fetched[KpiSeries]:
    """Return today's series, each after its own samples of the day before.

    Both queries are paid; they are told as one, or today's alone where the day before has nothing to show.
    """
    earlier = {_name(one): one for one in before.items}
    both = together(today, before, (_after(earlier, one) for one in today.items))
    return both if before.items else replace(both, query=today.query)


def _name(series: KpiSeries) -> _Name:
    return series.service, series.metric, tuple(sorted(series.labels.items()))


def _after(earlier: Mapping[_Name, KpiSeries], series: KpiSeries) -> KpiSeries:
    past = earlier.get(_name(series))
    if past is None:
        return series
    times = np.concatenate([past.times, series.times])
    return replace(series, times=times, values=np.concatenate([past.values, series.values]))
