"""What the nodes of an investigation are given, made from a run's context."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from agents.analysis.findings import Source
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.nodes.plan import first_window
from agents.investigation.state import GatherTask, Plan
from schemas.events.investigation import InvestigationRequested
from tests.fakes.incident_data import ALARM_AT

__all__ = ["WINDOW_END", "changed", "order_for", "planned"]

WINDOW_END = datetime.fromtimestamp(ALARM_AT + 60, tz=UTC)
"""Where the first look at the made-up incidents ends."""


def order_for(context: RunContext, source: Source = Source.KPIS, **changes: Any) -> GatherOrder:
    """An order to read the source in the first window."""
    task = GatherTask(source=source, services=changes.pop("services", None))
    return GatherOrder(task=task, window=first_window(context), **changes)


def planned(context: RunContext, **changes: Any) -> Plan:
    """A plan to read everything in the first window."""
    tasks = tuple(GatherTask(source=source) for source in Source)
    return Plan(window=first_window(context), tasks=tasks, **changes)


def changed(request: InvestigationRequested, **fields: Any) -> InvestigationRequested:
    """The request with other fields, and the id that follows from them."""
    return InvestigationRequested.model_validate({**request.model_dump(), "event_id": "", **fields})
