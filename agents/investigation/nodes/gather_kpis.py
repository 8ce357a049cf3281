"""The KPI agent: which measurements left their normal range, when, which way."""

from __future__ import annotations

from agents.analysis.kpi import analyse_kpis
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, gather

__all__ = ["gather_kpis"]


async def gather_kpis(order: GatherOrder, context: RunContext) -> GatherDelta:
    return await gather(order, context, context.ports.windows.kpis, analyse_kpis)
