"""The KPI agent: which measurements left their normal range, when, which way; and pictures of them for the report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from agents.analysis.findings import Finding
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import KpiSeries, Window
from agents.investigation.clocks import right_kpis
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, gather
from agents.investigation.other_days import other_days, span_before, suspects, with_days
from agents.investigation.picture import Picture
from agents.investigation.pictures import pictures_of
from agents.investigation.state import first_service
from agents.ports import Fetched
from schemas.errors import LeaseLostError, RetryableError
from schemas.events.investigation import InvestigationRequested

__all__ = ["gather_kpis"]


async def gather_kpis(order: GatherOrder, context: RunContext) -> GatherDelta:
    """Measure the KPIs; those out of the ordinary, and of whom the order is near, against other days as well."""
    alarm = _alarmed(context.request)
    look = _Look(order, context)
    drawn: list[Picture] = []

    def analyse(kpis: Sequence[KpiSeries], window: Window) -> Sequence[Finding]:
        findings = look.found or analyse_kpis(kpis, window, look.near)
        drawn.extend(pictures_of(kpis, findings, window, alarm))
        return findings

    delta = await gather(order, context, look.fetched, analyse)
    return {**delta, "pictures": tuple(drawn)}


class _Look:
    """Reads today, and other days of whoever has something out of the ordinary or is near the alarm."""

    def __init__(self, order: GatherOrder, context: RunContext) -> None:
        self._window = order.window.signal()
        self._kpis = right_kpis(context.ports.windows, order.window)
        self._context = context
        only = order.task.services
        self.near = tuple(one for one in order.near if only is None or one in only)
        self.found: tuple[Finding, ...] = ()
        """What today says by itself, where other days have nothing to add."""

    async def fetched(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[KpiSeries]:
        today = await self._kpis(tenant, services, start, end)
        self.found = await asyncio.to_thread(analyse_kpis, today.items, self._window)

        async def day(named: Sequence[str], ago: int) -> Fetched[KpiSeries] | None:
            return await self._day(tenant, named, span_before(start, end, ago))

        days = await other_days(day, today, suspects(self.found), self.near, self._window)
        if any(one.items for one in days):
            self.found = ()
        return with_days(today, days)

    async def _day(
        self, tenant: str, services: Sequence[str], span: tuple[datetime, datetime]
    ) -> Fetched[KpiSeries] | None:
        """None where it cannot be read: today is worth more than nothing."""
        try:
            return await self._kpis(tenant, services, *span)
        except LeaseLostError:
            raise
        except RetryableError:
            if not self._context.last_try:
                raise
            return None


def _alarmed(request: InvestigationRequested) -> tuple[str, str]:
    """The service of the first alarm, and the metric that its alarms name; either may be empty."""
    service = first_service(request)
    named = (one.indicator for one in request.incident.alarms if one.service == service and one.indicator)
    return service, next(named, "")
