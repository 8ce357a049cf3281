"""What a step says when it is done, and how far the investigation is by then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents.analysis.findings import Source
from agents.investigation.graph import build_graph
from agents.investigation.settings import InvestigationSettings
from agents.investigation.stepping import PROGRESS, finished, hold, place, status
from schemas.errors import LeaseLostError
from schemas.events.investigation import InvestigationRequested, InvestigationState, InvestigationStatus
from schemas.metrics import STEP_SECONDS
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import LeaseUntil, ListRecorder, StepClock, collected, context_for

LOOKS = (1, 2, 3)


def told(
    step: str, look: int = 1, state: InvestigationState = InvestigationState.RUNNING
) -> InvestigationStatus:
    return status(state, step, "done", context_for(healthy()), look)


def test_every_step_of_the_graph_has_its_progress() -> None:
    nodes = set(build_graph(InvestigationSettings()).get_graph().nodes) - {"__start__", "__end__"}
    assert nodes == set(PROGRESS)
    assert {f"gather_{source}" for source in Source} <= nodes


@pytest.mark.parametrize("look", LOOKS)
def test_progress_never_falls_along_the_way(look: int) -> None:
    way = ["guard", "plan", "wait", "recall", "gather_kpis", "gather_topology", "rank", "verify", "summarise"]
    progress = [told(step, look).progress for step in way]
    assert progress == sorted(progress)
    assert progress[0] > 0.0
    assert progress[-1] < 1.0


def test_a_second_look_begins_where_the_first_ones_verdict_was() -> None:
    assert told("plan", 2).progress > told("verify", 1).progress
    assert told("guard", 2).progress == pytest.approx(0.85 + 0.15 * 0.05)


def test_steps_of_a_second_look_have_names_of_their_own() -> None:
    assert [told("rank", look).step for look in LOOKS] == ["rank", "rank.2", "rank.3"]
    assert len({told("rank", look).event_id for look in LOOKS}) == 3


def test_only_the_end_is_complete() -> None:
    assert told("", state=InvestigationState.COMPLETED).progress == 1.0
    assert told("", state=InvestigationState.FAILED).progress == 0.0
    assert told("unheard-of").progress == 0.0


def test_a_status_says_whose_when_and_by_whom() -> None:
    clock = StepClock(5.0)
    context = replace(context_for(healthy(), clock=clock), attempt=3, worker="w7")
    clock.seconds = 11.0
    one = status(InvestigationState.RUNNING, "rank", "4 causes", context)
    request = context.request
    assert (one.tenant, one.investigation_id) == ("local", request.investigation_id)
    assert one.incident_id == request.incident.incident_id
    assert (one.attempt, one.worker, one.message) == (3, "w7", "4 causes")
    assert one.occurred_at == clock.now()


async def test_a_finished_step_is_measured_and_told() -> None:
    recorder = ListRecorder()
    context = context_for(healthy(), recorder=recorder)
    await finished("rank", "4 causes", 0.25, context, 2)
    assert recorder.kept == [(STEP_SECONDS.name, 0.25, {"step": "rank"})]
    (one,) = collected(context)
    assert isinstance(one, InvestigationStatus)
    assert (one.step, one.state) == ("rank.2", InvestigationState.RUNNING)


class Full:
    """A gate that is full, or not, and lets everybody in all the same."""

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.entered = 0

    def place(self, request: InvestigationRequested) -> Any:
        self.entered += 1
        return _Nothing()


class _Nothing:
    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        return None


@pytest.mark.parametrize(
    ("step", "full", "queued"), [("guard", True, 1), ("guard", False, 0), ("rank", True, 0)]
)
async def test_only_the_first_step_says_that_it_has_to_queue(step: str, full: bool, queued: int) -> None:
    gate = Full(full=full)
    context = context_for(healthy(), gate=gate)
    async with place(step, context):
        states = [e.state for e in collected(context) if isinstance(e, InvestigationStatus)]
        assert states == [InvestigationState.QUEUED] * queued
    assert gate.entered == 1


async def test_waiting_needs_no_place_and_no_gate_bounds_nothing() -> None:
    gate = Full(full=True)
    async with place("wait", context_for(healthy(), gate=gate)):
        assert gate.entered == 0
    async with place("guard", context_for(healthy())):
        pass


async def test_who_lost_its_lease_does_not_even_queue() -> None:
    context = context_for(healthy(), gate=Full(full=True), lease=LeaseUntil(0))
    with pytest.raises(LeaseLostError, match=context.request.investigation_id):
        async with place("guard", context):
            pass
    assert collected(context) == []


async def test_one_that_is_held_and_not_cancelled_goes_on() -> None:
    await hold(context_for(healthy(), lease=LeaseUntil(1)))
