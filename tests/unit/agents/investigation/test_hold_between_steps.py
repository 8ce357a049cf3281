from __future__ import annotations

from typing import Any

import pytest

from agents.investigation.nodes.gather_topology import gather_topology
from agents.investigation.nodes.recall import recall
from agents.investigation.nodes.summarise import summarise
from agents.investigation.nodes.verify import verify
from agents.investigation.nodes.wait import wait
from agents.investigation.state import (
    GraphState,
)
from agents.investigation.stepping import CancelledRunError, hold
from schemas.errors import IntegrityError, LeaseLostError
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    CancelAfter,
    LeaseUntil,
    context_for,
    state_for,
)

DATA = bad_deploy()


async def test_a_lost_lease_stops_the_step() -> None:
    with pytest.raises(LeaseLostError):
        await hold(context_for(DATA, lease=LeaseUntil(0)))


async def test_a_cancellation_stops_the_step() -> None:
    with pytest.raises(CancelledRunError, match="alarms cleared"):
        await hold(context_for(DATA, cancellation=CancelAfter(0)))


@pytest.mark.parametrize("node", [wait, gather_topology, recall, verify, summarise])
async def test_a_step_out_of_order_is_a_defect(node: Any) -> None:
    context = context_for(DATA)
    state: GraphState = state_for(context)

    with pytest.raises(IntegrityError):
        await node(state, context)
