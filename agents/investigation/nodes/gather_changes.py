"""The change agent: what was changed on purpose just before, and where."""

from __future__ import annotations

from agents.analysis.changes import analyse_changes
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, gather

__all__ = ["gather_changes"]


async def gather_changes(order: GatherOrder, context: RunContext) -> GatherDelta:
    return await gather(order, context, context.ports.windows.changes, analyse_changes)
