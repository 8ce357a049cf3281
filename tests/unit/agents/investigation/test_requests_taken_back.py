from __future__ import annotations

from dataclasses import dataclass

from agents.investigation.memory import (
    CollectingPublisher,
)
from agents.ports import Published
from schemas.events.evidence import Evidence
from schemas.events.report import Verdict
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    states_and_steps,
)
from tests.fakes.investigation_runs import ports_for, published, run


@dataclass
class TakenBack:
    """A Standing that says what the test says."""

    taken_back: str = ""


async def test_a_request_that_is_taken_back_meanwhile_is_answered_and_that_noted() -> None:
    data, standing = bad_deploy(), TakenBack()

    class Clearing(CollectingPublisher):
        async def publish(self, *events: Published) -> None:
            if any(isinstance(event, Evidence) for event in events):
                standing.taken_back = "the incident cleared"
            await super().publish(*events)

    ports = ports_for(data, publisher=Clearing(), standing=standing)
    report = await run(data, ports)

    note = "The request was taken back while this was investigated: the incident cleared."
    assert report.verdict is Verdict.CAUSE_FOUND
    assert report.summary.endswith(note)
    assert note in report.markdown
    assert states_and_steps(published(ports))[-1] == ("completed", "")


async def test_a_request_that_stands_is_not_noted() -> None:
    data = bad_deploy()
    plain = await run(data, ports_for(data))
    assert (await run(data, ports_for(data, standing=TakenBack()))).summary == plain.summary
    assert "taken back" not in plain.summary
