"""The KPI agent: which measurements left their normal range, when, which way; and pictures of them for the report."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import Finding
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import KpiSeries, Window
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, gather
from agents.investigation.picture import Picture
from agents.investigation.pictures import pictures_of
from agents.investigation.state import first_service
from schemas.events.investigation import InvestigationRequested

__all__ = ["gather_kpis"]


async def gather_kpis(order: GatherOrder, context: RunContext) -> GatherDelta:
    alarm = _alarmed(context.request)
    drawn: list[Picture] = []

    def analyse(kpis: Sequence[KpiSeries], window: Window) -> Sequence[Finding]:
        findings = analyse_kpis(kpis, window)
        drawn.extend(pictures_of(kpis, findings, window, alarm))
        return findings

    delta = await gather(order, context, context.ports.windows.kpis, analyse)
    return {**delta, "pictures": tuple(drawn)}


def _alarmed(request: InvestigationRequested) -> tuple[str, str]:
    """The service of the first alarm, and the metric that its alarms name; either may be empty."""
    service = first_service(request)
    named = (one.indicator for one in request.incident.alarms if one.service == service and one.indicator)
    return service, next(named, "")
