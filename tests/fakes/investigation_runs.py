"""Whole runs of the investigation graph over made-up incidents in memory."""

from __future__ import annotations

from dataclasses import replace

from agents.analysis.signals import IncidentData
from agents.investigation.context import InvestigationPorts
from agents.investigation.memory import CollectingPublisher, memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.ports import Published
from schemas.events.investigation import InvestigationRequested, RequestKind
from schemas.events.report import Report
from tests.fakes.incident_ports import quick

__all__ = ["ports_for", "published", "recurrence", "run"]


def ports_for(data: IncidentData, **changes: object) -> InvestigationPorts:
    """Ports over the data, some of them replaced by name."""
    return replace(memory_ports(data, quick(data)), **changes)  # type: ignore[arg-type]  # by name, checked by the test


async def run(data: IncidentData, ports: InvestigationPorts) -> Report:
    """Investigate the data's alarm, and return the report that it must end with."""
    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    return outcome.report


def published(ports: InvestigationPorts) -> list[Published]:
    """Everything that was published, in order."""
    assert isinstance(ports.publisher, CollectingPublisher)
    return ports.publisher.order


def recurrence(data: IncidentData, of: str) -> InvestigationRequested:
    """The request that an alarm makes which an earlier investigation has answered."""
    first = request_for(data, case="again")
    changed = {"kind": RequestKind.RECURRENCE, "recurrence_of": of, "event_id": ""}
    return InvestigationRequested.model_validate({**first.model_dump(), **changed})
