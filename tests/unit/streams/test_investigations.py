from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from schemas.codec import encode
from schemas.errors import BudgetExceededError, InvalidEventError, LeaseLostError, UnavailableError
from schemas.events import InvestigationRequested, InvestigationState, InvestigationStatus, RequestKind
from schemas.metrics import INVESTIGATIONS, Metric
from schemas.outcomes import Deferred, Done, Ignored, Outcome, Rejected
from streams.investigate import Investigations
from streams.jobs.slots import Claim
from streams.messages import Message
from streams.ports import Run
from tests.fakes.investigations import Events, MemoryLease, MemoryMarkers, Scripted, request

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A wall clock that stands still; waiting really waits, as leases are renewed in the background."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Measured:
    """A Recorder of the ends of investigations; `others` names everything else that was measured."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.others: list[str] = []

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        if metric is INVESTIGATIONS:
            self.ended.append(labels["verdict"])
        else:
            self.others.append(metric.name)

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        self.others.append(metric.name)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self.others.append(metric.name)


class House:
    """The handler with its neighbours."""

    def __init__(self) -> None:
        self.investigator = Scripted()
        self.lease = MemoryLease()
        self.markers = MemoryMarkers()
        self.events = Events()
        self.clock = Clock()
        self.measured = Measured()
        self.stop = asyncio.Event()
        self.handler = Investigations(
            self.investigator,
            self.lease,
            self.markers,
            self.events,
            self.clock,
            worker="w1",
            recorder=self.measured,
        )

    async def handle(self, asked: InvestigationRequested) -> Outcome:
        return await self.handler.handle(_message(asked), self.stop)

    def hear(self, asked: InvestigationRequested) -> Claim:
        return self.handler.arrived(_message(asked))


def _message(asked: InvestigationRequested) -> Message:
    return Message("investigations.requested", 0, 0, asked.key.encode(), encode(asked))


@pytest.fixture
def house() -> House:
    return House()


async def test_a_request_is_run_and_its_beginning_told(house: House) -> None:
    assert await house.handle(request()) == Done()
    assert house.events.states == ["running"], "the investigator tells its own end"
    last = house.events.events[-1]
    assert isinstance(last, InvestigationStatus)
    assert (last.investigation_id, last.incident_id, last.worker) == ("inv_1", "inc_1", "w1")
    assert (last.progress, last.attempt, last.step) == (0.0, 1, "")
    assert house.lease.held == {}
    assert house.markers.done == {"inv_1"}
    assert (house.measured.ended, house.measured.others) == ([], []), "the investigator measures itself"


async def test_redelivery_is_free(house: House) -> None:
    await house.handle(request())
    assert await house.handle(request()) == Ignored("done before")
    assert len(house.investigator.runs) == 1
    assert house.events.states == ["running"]


async def test_a_request_that_is_no_event_cannot_be_handled(house: House) -> None:
    junk = Message("investigations.requested", 0, 0, None, b"junk")
    assert house.handler.arrived(junk) == Claim()
    with pytest.raises(InvalidEventError):
        await house.handler.handle(junk, house.stop)


async def test_claims_carry_tenant_and_priority(house: House) -> None:
    assert house.hear(request(priority=90)) == Claim("acme", 90)


async def test_not_before_is_honoured(house: House) -> None:
    later = NOW + timedelta(hours=1)
    outcome = await house.handle(request(not_before=later, reason="over the day's limit"))
    assert outcome == Deferred(later, "over the day's limit")
    assert house.investigator.runs == []
    house.clock.time = later
    assert await house.handle(request(not_before=later)) == Done()
    assert house.events.states == ["deferred", "running"]


async def test_a_cancel_takes_a_queued_request_back(house: House) -> None:
    cancel = request(kind=RequestKind.CANCEL, reason="alarms cleared")
    house.hear(request())
    house.hear(cancel)
    assert await house.handle(request()) == Ignored("alarms cleared")
    assert await house.handle(cancel) == Done()
    assert house.investigator.runs == []
    assert house.events.states == ["cancelled"]
    assert house.measured.ended == ["cancelled"]
    assert await house.handle(request()) == Ignored("done before")


async def test_what_had_begun_when_its_worker_died_is_finished_not_cancelled(house: House) -> None:
    assert await house.markers.next_attempt("inv_1") == 1
    seen: list[str] = []

    async def script(run: Run) -> Outcome:
        seen.append(run.taken_back)
        return Done()

    house.investigator.script = script
    house.hear(request())
    house.hear(request(kind=RequestKind.CANCEL, reason="alarms cleared"))
    assert await house.handle(request()) == Done()
    assert house.investigator.runs == [("inv_1", 2, 1)]
    assert seen == ["alarms cleared"]
    assert house.events.states == []


async def test_what_was_put_off_before_it_did_anything_can_be_taken_back(house: House) -> None:
    async def script(run: Run) -> Outcome:
        return Deferred(NOW + timedelta(days=1), "over the limit")

    house.investigator.script = script
    assert isinstance(await house.handle(request()), Deferred)
    house.hear(request(kind=RequestKind.CANCEL, reason="alarms cleared"))
    assert await house.handle(request()) == Ignored("alarms cleared")
    assert len(house.investigator.runs) == 1
    assert house.events.states == ["running", "cancelled"]


async def test_what_was_put_off_once_and_then_begun_is_finished(house: House) -> None:
    answers: list[Outcome | Exception] = [
        Deferred(NOW, "over the limit"),
        UnavailableError("the store is away"),
        Done(),
    ]

    async def script(run: Run) -> Outcome:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    house.investigator.script = script
    assert isinstance(await house.handle(request()), Deferred)
    with pytest.raises(UnavailableError):
        await house.handle(request())
    house.hear(request(kind=RequestKind.CANCEL, reason="alarms cleared"))
    assert await house.handle(request()) == Done()
    assert answers == []


async def test_a_cancel_is_noted_in_a_running_investigation(house: House) -> None:
    seen: list[str] = []

    async def script(run: Run) -> Outcome:
        seen.append(run.taken_back)
        house.hear(request(kind=RequestKind.CANCEL, reason="alarms cleared"))
        seen.append(run.taken_back)
        return Done()

    house.investigator.script = script
    assert await house.handle(request()) == Done()
    assert seen == ["", "alarms cleared"]


async def test_a_cancel_that_comes_too_late_is_done_with(house: House) -> None:
    cancel = request(kind=RequestKind.CANCEL)
    house.hear(cancel)
    assert await house.handle(cancel) == Done()
    assert house.events.states == []
    assert house.handler._cancelled == {}


async def test_a_lease_held_elsewhere_is_waited_for(house: House) -> None:
    house.lease.held["inv_1"] = 99
    outcome = await house.handle(request())
    assert isinstance(outcome, Deferred)
    assert NOW < outcome.until <= NOW + timedelta(seconds=house.lease.ttl_s)
    assert house.events.states == []
    assert house.markers.attempts == {}
    del house.lease.held["inv_1"]
    assert await house.handle(request()) == Done()


async def test_a_second_attempt_has_a_newer_token(house: House) -> None:
    async def stopped(run: Run) -> Outcome:
        raise UnavailableError("stopped at a checkpoint")

    house.investigator.script = stopped
    with pytest.raises(UnavailableError):
        await house.handle(request())
    assert house.lease.held == {}, "the next worker need not wait"
    house.investigator.script = None
    assert await house.handle(request()) == Done()
    assert house.investigator.runs == [("inv_1", 1, 1), ("inv_1", 2, 2)]
    assert house.events.states == ["running"], "that it goes on, the investigator tells"


async def test_the_lease_is_renewed_while_it_runs(house: House) -> None:
    async def long(run: Run) -> Outcome:
        async with asyncio.timeout(30):
            while house.lease.renewals < 4:  # noqa: ASYNC110 - the fake has no event for it
                await asyncio.sleep(0.005)
        assert not run.stopping
        return Done()

    house.investigator.script = long
    assert await house.handle(request()) == Done()


@pytest.mark.parametrize("how", ["stolen", "away"])
async def test_a_lost_lease_cuts_the_run_off(house: House, how: str) -> None:
    cut = asyncio.Event()

    async def endless(run: Run) -> Outcome:
        setattr(house.lease, how, True)
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()
            assert run.stopping
            with pytest.raises(LeaseLostError):
                await run.progress("plan", "too late", 0.5)
        return Done()

    house.investigator.script = endless
    with pytest.raises(LeaseLostError):
        await asyncio.wait_for(house.handle(request()), 30)
    assert cut.is_set()
    assert house.markers.done == set()
    assert house.events.states == ["running"]


async def test_stop_reaches_the_run(house: House) -> None:
    async def script(run: Run) -> Outcome:
        assert not run.stopping
        house.stop.set()
        assert run.stopping
        raise UnavailableError("left")

    house.investigator.script = script
    with pytest.raises(UnavailableError):
        await house.handle(request())


async def test_progress_becomes_status_events(house: House) -> None:
    async def script(run: Run) -> Outcome:
        await run.progress("plan", "3 tasks", 0.25)
        await run.progress("gather", "waiting for data", 0.3, InvestigationState.WAITING)
        return Done()

    house.investigator.script = script
    await house.handle(request())
    told = [one for one in house.events.events if isinstance(one, InvestigationStatus)]
    assert [(one.state.value, one.step, one.progress) for one in told] == [
        ("running", "", 0.0),
        ("running", "plan", 0.25),
        ("waiting", "gather", 0.3),
    ]
    assert len({one.event_id for one in told}) == 3


async def test_a_terminal_error_fails_the_investigation(house: House) -> None:
    async def broke(run: Run) -> Outcome:
        raise BudgetExceededError("too dear")

    house.investigator.script = broke
    assert await house.handle(request()) == Rejected("investigation_failed", "too dear")
    assert house.events.states == ["running", "failed"]
    assert house.measured.ended == ["failed"]
    assert house.markers.done == {"inv_1"}


async def test_outcomes_of_the_investigator_are_passed_on(house: House) -> None:
    answers: list[Outcome] = [Deferred(NOW + timedelta(days=1), "over the limit"), Ignored("refused")]

    async def script(run: Run) -> Outcome:
        return answers[len(house.investigator.runs) - 1]

    house.investigator.script = script
    assert await house.handle(request()) == answers[0]
    assert house.markers.done == set()
    assert await house.handle(request()) == answers[1]
    assert house.markers.done == {"inv_1"}
    assert house.events.states == ["running"], "the investigator has told them"


async def test_a_defect_is_told_before_the_request_is_buried(house: House) -> None:
    await house.handler.given_up(_message(request()), Rejected("defect", "ZeroDivisionError()"))
    assert house.events.states == ["failed"]
    assert house.markers.done == {"inv_1"}


async def test_a_stop_cuts_off_at_once_what_only_waits(house: House) -> None:
    left = asyncio.Event()

    async def waiting(run: Run) -> Outcome:
        try:
            with run.idle():
                house.stop.set()
                await asyncio.Event().wait()
        finally:
            left.set()
        return Done()

    house.investigator.script = waiting
    with pytest.raises(LeaseLostError, match="let go"):
        await house.handle(request())
    assert left.is_set()
    assert house.lease.held == {}
    assert house.markers.done == set(), "the next worker goes on with it"


async def test_a_stop_lets_a_step_that_works_come_to_its_end(house: House) -> None:
    async def working(run: Run) -> Outcome:
        with run.idle():
            await asyncio.sleep(0)
        house.stop.set()
        for _ in range(20):
            await asyncio.sleep(0)
        return Done()

    house.investigator.script = working
    assert await house.handle(request()) == Done()


async def test_a_run_that_comes_to_wait_after_the_stop_is_cut_off_there(house: House) -> None:
    async def working(run: Run) -> Outcome:
        house.stop.set()
        await asyncio.sleep(0)
        with run.idle():
            await asyncio.Event().wait()
        return Done()

    house.investigator.script = working
    with pytest.raises(LeaseLostError, match="let go"):
        await house.handle(request())


async def test_a_run_is_idle_while_one_of_its_steps_waits(house: House) -> None:
    async def side_by_side(run: Run) -> Outcome:
        with run.idle():
            with run.idle():
                await asyncio.sleep(0)
            house.stop.set()
            await asyncio.Event().wait()
        return Done()

    house.investigator.script = side_by_side
    with pytest.raises(LeaseLostError, match="let go"):
        await house.handle(request())
