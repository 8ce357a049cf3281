"""Services whose clock is ahead: found out once, read so much further, put back, and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import KpiSeries, LogRecord
from agents.investigation.ahead import clocks_ahead
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.fetching import Fetch, together
from agents.investigation.state import LookWindow
from agents.ports import Fetched, Windows
from schemas.errors import UnavailableError
from schemas.events.ledger import CostEntry

__all__ = ["put_right", "right_kpis", "right_logs", "with_clocks"]


class _OfService(Protocol):
    @property
    def service(self) -> str: ...


_T = TypeVar("_T", bound=_OfService)

_Back = Callable[[Sequence[_T], Mapping[str, float], float, float], Iterator[_T]]
"""What of the items, stamped earlier by so much for each service, is within [first, last]."""

_STAMPED: Final[Mapping[Source, str]] = {Source.KPIS: "metrics", Source.LOGS: "log lines"}


async def with_clocks(window: LookWindow, context: RunContext) -> tuple[LookWindow, tuple[CostEntry, ...]]:
    """Return the window that knows whose stamps of the incident are ahead, and what it cost to ask.

    Where it cannot be asked clocks are believed, as they are of data whose landing nobody knows.
    """
    tenant, ports = context.request.tenant, context.ports
    try:
        fetched = await ports.windows.delays(tenant, None, window.start, window.end)
    except UnavailableError:
        return window, ()
    cost = query_cost("clocks", 1, fetched, context)
    await ports.publisher.publish(cost)
    return window.model_copy(update={"ahead": clocks_ahead(fetched.items)}), (cost,)


def right_kpis(windows: Windows, look: LookWindow) -> Fetch[KpiSeries]:
    """Return the query of KPIs whose answer has every sample when it was taken."""
    return _right(windows.kpis, look.ahead_by(Source.KPIS), _samples_back)


def right_logs(windows: Windows, look: LookWindow) -> Fetch[LogRecord]:
    """Return the query of log lines whose answer has every line when it was written."""
    return _right(windows.logs, look.ahead_by(Source.LOGS), _lines_back)


def put_right(source: Source, services: Sequence[str] | None, look: LookWindow) -> list[Finding]:
    """Return one finding for each of the services whose stamps were."""
    return [
        _told(source, service, seconds)
        for service, seconds in look.ahead_by(source).items()
        if services is None or service in services
    ]


def _told(source: Source, service: str, seconds: float) -> Finding:
    return Finding(
        source=source,
        kind=FindingKind.CLOCK_AHEAD,
        service=service,
        subject=f"{service}||{FindingKind.CLOCK_AHEAD}",
        statement=f"{service} stamps its {_STAMPED[source]} {seconds:,.0f} s ahead of when they landed: put right",
        data={"clock_ahead_s": seconds},
    )


def _right(fetch: Fetch[_T], ahead: Mapping[str, float], back: _Back[_T]) -> Fetch[_T]:
    """The same query, which reads those who are ahead so much later, and what they stamped as of when it was."""
    if not ahead:
        return fetch

    async def fetched(
        tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[_T]:
        by = {name: s for name, s in ahead.items() if services is None or name in services}
        if not by:
            return await fetch(tenant, services, start, end)
        first, last = (timedelta(seconds=most(by.values())) for most in (min, max))
        later = await fetch(tenant, tuple(by), start + first, end + last)
        moved = back(later.items, by, start.timestamp(), end.timestamp())
        others = None if services is None else [name for name in services if name not in by]
        if others == []:
            return replace(later, items=tuple(moved))
        rest = await fetch(tenant, others, start, end)
        both = together(rest, later, [*(one for one in rest.items if one.service not in by), *moved])
        return replace(
            both, truncated=rest.truncated or later.truncated, one_in=max(rest.one_in, later.one_in)
        )

    return fetched


def _samples_back(
    series: Sequence[KpiSeries], by: Mapping[str, float], first: float, last: float
) -> Iterator[KpiSeries]:
    for one in series:
        times = one.times - by[one.service]
        inside = (times >= first) & (times <= last)
        if inside.any():
            yield replace(one, times=times[inside], values=one.values[inside], landed=None)


def _lines_back(
    lines: Sequence[LogRecord], by: Mapping[str, float], first: float, last: float
) -> Iterator[LogRecord]:
    for one in lines:
        time = one.time - by[one.service]
        if first <= time <= last:
            yield replace(one, time=time)
