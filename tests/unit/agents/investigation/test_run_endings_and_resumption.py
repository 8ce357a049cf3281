from __future__ import annotations

from datetime import UTC, datetime

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents.investigation.checkpoints import checkpoint_serializer
from agents.investigation.memory import (
    CollectingPublisher,
    request_for,
)
from agents.investigation.outcomes import Cancelled, Postponed, Refused, Reported
from agents.investigation.run import Investigations
from agents.ports import Denied, Published
from schemas.errors import InvalidRequestError, LeaseLostError, UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationStatus
from schemas.events.ledger import Audit
from schemas.events.report import Report, Verdict
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    CancelAfter,
    Door,
    LeaseUntil,
    ListRecorder,
    UnreachableWindows,
    quick,
    states_and_steps,
)
from tests.fakes.investigation_runs import ports_for, published, run


async def test_a_refused_investigation_reads_nothing_and_is_on_record() -> None:
    data = bad_deploy()
    windows = UnreachableWindows(data, {})
    ports = ports_for(data, windows=windows, admission=Door(Denied("10 of 10 investigations made today")))

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert outcome == Refused("10 of 10 investigations made today")
    assert windows.asked == []
    audits = [event for event in published(ports) if isinstance(event, Audit)]
    assert [(audit.allowed, audit.resource) for audit in audits] == [
        (False, request_for(data).investigation_id)
    ]
    assert states_and_steps(published(ports))[-1] == ("refused", "")


async def test_a_denial_with_a_time_postpones_and_can_be_tried_again() -> None:
    data = bad_deploy()
    until = datetime(2027, 1, 1, tzinfo=UTC)
    saver = InMemorySaver(serde=checkpoint_serializer())
    investigations = Investigations(quick(data), saver)

    outcome = await investigations.investigate(
        request_for(data), ports_for(data, admission=Door(Denied("over budget", until)))
    )
    later = await investigations.investigate(request_for(data), ports_for(data))

    assert outcome == Postponed("over budget", until)
    assert isinstance(later, Reported)


async def test_a_cancelled_run_stops_between_two_steps() -> None:
    data = bad_deploy()
    ports = ports_for(data, cancellation=CancelAfter(3))

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert outcome == Cancelled("its alarms cleared")
    assert not any(isinstance(event, Report) for event in published(ports))
    assert states_and_steps(published(ports))[-1] == ("cancelled", "")


async def test_a_lost_lease_ends_the_run_at_once() -> None:
    data = bad_deploy()
    ports = ports_for(data, lease=LeaseUntil(3))

    with pytest.raises(LeaseLostError):
        await Investigations(ports.settings).investigate(request_for(data), ports)

    assert not any(isinstance(event, Evidence | Report) for event in published(ports))


async def test_a_run_goes_on_from_its_checkpoint_and_says_so() -> None:
    data = bad_deploy()
    saver = InMemorySaver(serde=checkpoint_serializer())
    investigations = Investigations(quick(data), saver)
    first = ports_for(data, lease=LeaseUntil(3 + 5))
    with pytest.raises(LeaseLostError):
        await investigations.investigate(request_for(data), first)

    second = ports_for(data, windows=UnreachableWindows(data, {}))
    outcome = await investigations.investigate(request_for(data), second, worker="w2")

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.CAUSE_FOUND
    assert isinstance(second.windows, UnreachableWindows)
    assert "kpis" not in second.windows.asked
    told = [event for event in published(second) if isinstance(event, InvestigationStatus)]
    assert (told[0].state.value, told[0].attempt, told[0].worker) == ("resumed", 2, "w2")
    assert {one.attempt for one in told} == {2}
    undisturbed = await run(data, ports_for(data))
    assert outcome.report.causes == undisturbed.causes
    assert outcome.report.timeline == undisturbed.timeline


async def test_asked_again_after_the_end_it_answers_the_same_and_tells_the_same_end() -> None:
    data, recorder = bad_deploy(), ListRecorder()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    first = ports_for(data)
    ended = await investigations.investigate(request_for(data), first)
    ports = ports_for(data, recorder=recorder)

    again = await investigations.investigate(request_for(data), ports, attempt=2)

    assert again == ended
    assert [event.event_id for event in published(ports)] == [published(first)[-1].event_id]
    assert states_and_steps(published(ports)) == [("completed", "")]
    assert recorder.kept == [], "it was measured when it ended"


async def test_an_end_that_could_not_be_told_is_told_by_the_next_attempt() -> None:
    class Mute(CollectingPublisher):
        async def publish(self, *events: Published) -> None:
            if any(isinstance(e, InvestigationStatus) and e.state.value == "completed" for e in events):
                raise UnavailableError("the broker is away")
            await super().publish(*events)

    data = bad_deploy()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    with pytest.raises(UnavailableError):
        await investigations.investigate(request_for(data), ports_for(data, publisher=Mute()))
    ports = ports_for(data)

    outcome = await investigations.investigate(request_for(data), ports, attempt=2)

    assert isinstance(outcome, Reported)
    told = [event for event in published(ports) if isinstance(event, InvestigationStatus)]
    assert [(one.state.value, one.message) for one in told] == [("completed", outcome.report.headline)]


async def test_a_second_attempt_without_a_checkpoint_says_that_it_begins_again() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    await Investigations(ports.settings).investigate(request_for(data), ports, attempt=2)

    first = published(ports)[0]
    assert isinstance(first, InvestigationStatus)
    assert (first.state.value, first.message) == ("resumed", "taken up again from the beginning")


async def test_an_id_that_belongs_to_another_incident_is_a_defect_of_the_caller() -> None:
    data = bad_deploy()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    with pytest.raises(LeaseLostError):
        await investigations.investigate(request_for(data), ports_for(data, lease=LeaseUntil(2)))
    other = request_for(data, case="other")
    forged = other.model_copy(update={"investigation_id": request_for(data).investigation_id})

    with pytest.raises(InvalidRequestError):
        await investigations.investigate(forged, ports_for(data))


async def test_a_publisher_that_is_away_fails_the_run_and_the_next_goes_on() -> None:
    class Away(CollectingPublisher):
        async def publish(self, *events: Published) -> None:
            if any(isinstance(event, Report) for event in events):
                raise UnavailableError("the broker is away")
            await super().publish(*events)

    data = bad_deploy()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    with pytest.raises(UnavailableError):
        await investigations.investigate(request_for(data), ports_for(data, publisher=Away()))

    outcome = await investigations.investigate(request_for(data), ports_for(data))

    assert isinstance(outcome, Reported)
