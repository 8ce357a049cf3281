from __future__ import annotations

from dataclasses import dataclass, field, replace

import structlog

from agents.investigation.memory import memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.ports import Published
from schemas.events import CostEntry, Evidence, InvestigationStatus, Report
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import quick


@dataclass
class Noting:
    """A publisher that notes what is bound to the log as each kind of event goes out."""

    bound: dict[type[Published], set[str]] = field(default_factory=dict)

    async def publish(self, *events: Published) -> None:
        trace = str(structlog.contextvars.get_contextvars().get("trace", ""))
        for event in events:
            self.bound.setdefault(type(event), set()).add(trace)


async def test_what_is_bound_around_a_run_is_bound_in_each_of_its_nodes() -> None:
    data, noting = bad_deploy(), Noting()
    ports = replace(memory_ports(data, quick(data)), publisher=noting)
    with structlog.contextvars.bound_contextvars(trace="t"):
        outcome = await Investigations(ports.settings).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    assert {Evidence, Report, CostEntry, InvestigationStatus} <= set(noting.bound)
    assert set().union(*noting.bound.values()) == {"t"}
