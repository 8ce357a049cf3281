"""The log agent: which lines are new, or come more or less often than the load explains."""

from __future__ import annotations

from agents.analysis.logs import analyse_logs
from agents.investigation.clocks import right_logs
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, gather

__all__ = ["gather_logs"]


async def gather_logs(order: GatherOrder, context: RunContext) -> GatherDelta:
    return await gather(order, context, right_logs(context.ports.windows, order.window), analyse_logs)
