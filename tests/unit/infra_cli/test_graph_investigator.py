"""The investigator of the role, with its ports in memory: what a run may ask of its worker reaches the graph."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from agents.investigation.memory import CollectingPublisher, memory_ports, request_for
from agents.investigation.run import Investigations
from agents.ports import Admitted, Denied
from infra.cli.compose.investigate import _GraphInvestigator
from schemas.errors import LeaseLostError
from schemas.events import InvestigationState, Report
from schemas.outcomes import Deferred, Done, Ignored, Outcome
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import Door, quick, states_and_steps

DATA = bad_deploy()
LATER = datetime(2027, 1, 1, tzinfo=UTC)


@dataclass
class Asked:
    """A Run as its worker gives it."""

    taken_back: str = ""
    stopping: bool = False
    attempt: int = 1
    fencing_token: int = 1

    def idle(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def progress(
        self,
        step: str,
        message: str,
        fraction: float,
        state: InvestigationState = InvestigationState.RUNNING,
    ) -> None:
        raise AssertionError("the graph tells its own progress")


async def investigated(run: Asked, door: Admitted | Denied) -> tuple[Outcome, CollectingPublisher]:
    publisher = CollectingPublisher()
    ports = replace(memory_ports(DATA, quick(DATA)), publisher=publisher, admission=Door(door))
    investigator = _GraphInvestigator(Investigations(ports.settings), ports, "w1")
    return await investigator.investigate(request_for(DATA), run), publisher


async def test_a_request_taken_back_while_it_runs_is_finished_and_noted() -> None:
    outcome, publisher = await investigated(Asked(taken_back="the incident cleared"), Admitted())
    (report,) = [event for event in publisher.order if isinstance(event, Report)]
    assert outcome == Done()
    assert "taken back while this was investigated: the incident cleared." in report.summary
    assert states_and_steps(publisher.order)[-1] == ("completed", "")


async def test_a_worker_that_must_let_go_publishes_nothing_more() -> None:
    with pytest.raises(LeaseLostError):
        await investigated(Asked(stopping=True), Admitted())


@pytest.mark.parametrize(
    ("door", "expected", "state"),
    [
        (Denied("no budget"), Ignored("no budget"), "refused"),
        (Denied("over the limit", LATER), Deferred(LATER, "over the limit"), "deferred"),
    ],
)
async def test_a_denial_is_told_by_the_graph_and_passed_on(
    door: Denied, expected: Outcome, state: str
) -> None:
    outcome, publisher = await investigated(Asked(), door)
    assert outcome == expected
    assert states_and_steps(publisher.order)[-1] == (state, "")
