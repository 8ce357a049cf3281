"""Many wait, few work: what holds a place, and that analysis leaves the event loop to others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from agents.analysis.findings import Source
from agents.investigation.context import InvestigationPorts
from agents.investigation.memory import CollectingPublisher, memory_ports, request_for
from agents.investigation.nodes import gather_knowledge, gather_kpis, gather_topology, rank, verify
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.place_ports import Queued
from agents.ports import Landed
from schemas.events.investigation import InvestigationRequested
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import CancelAfter, Landing, StepClock, quick, states_and_steps


class Places:
    """A Gate of so many places that remembers how many were held at most."""

    def __init__(self, limit: int) -> None:
        self._places = asyncio.Semaphore(limit)
        self.held = 0
        self.most = 0
        self.entered = 0

    @property
    def full(self) -> bool:
        return self._places.locked()

    def place(self, request: InvestigationRequested) -> AbstractAsyncContextManager[None]:
        return self._hold()

    @asynccontextmanager
    async def _hold(self) -> AsyncIterator[None]:
        async with self._places:
            self.held += 1
            self.entered += 1
            self.most = max(self.most, self.held)
            try:
                yield
            finally:
                self.held -= 1


class HeldBack:
    """Data that land when the test says so; `waiting` counts who has found them missing."""

    def __init__(self) -> None:
        self.landed = False
        self.waiting: set[str] = set()

    async def landed_until(self, tenant: str, sources: object) -> dict[Source, Landed]:
        self.waiting.add(tenant)
        return {} if self.landed else {Source.KPIS: Landed()}


def ports_for(**changes: Any) -> InvestigationPorts:
    data = bad_deploy()
    return replace(memory_ports(data, quick(data, wait_poll_s=0.01)), **changes)


async def test_many_may_wait_for_their_data_where_one_may_work() -> None:
    data, gate, back = bad_deploy(), Places(1), HeldBack()
    asked = [request_for(data, tenant=f"t{number}") for number in range(20)]
    investigations = Investigations(quick(data))
    tasks = [
        asyncio.create_task(
            investigations.investigate(
                one, ports_for(gate=gate, freshness=back, publisher=CollectingPublisher())
            )
        )
        for one in asked
    ]
    async with asyncio.timeout(60):
        while len(back.waiting) < len(asked):  # noqa: ASYNC110 - the fake has no event for it
            await asyncio.sleep(0.01)
    assert gate.held == 0, "what waits holds no place"
    back.landed = True
    outcomes = await asyncio.gather(*tasks)
    assert all(isinstance(one, Reported) for one in outcomes)
    assert gate.most == 1


async def test_every_step_but_waiting_holds_a_place() -> None:
    gate, publisher = Places(8), CollectingPublisher()

    await Investigations(quick(bad_deploy())).investigate(
        request_for(bad_deploy()), ports_for(gate=gate, publisher=publisher)
    )

    done = [step for state, step in states_and_steps(publisher.order) if state == "running"]
    assert gate.entered == len(done) - 1
    assert gate.held == 0


async def test_an_investigation_that_queues_before_its_first_step_says_so() -> None:
    gate, publisher = Places(1), CollectingPublisher()
    ports = ports_for(gate=gate, publisher=publisher)
    async with gate.place(request_for(bad_deploy())):
        task = asyncio.create_task(
            Investigations(ports.settings).investigate(request_for(bad_deploy()), ports)
        )
        async with asyncio.timeout(60):
            while not publisher.order:  # noqa: ASYNC110 - the fake has no event for it
                await asyncio.sleep(0.01)
        assert states_and_steps(publisher.order) == [("queued", "guard")]
    await task
    assert states_and_steps(publisher.order)[1] == ("running", "guard")


async def test_a_place_is_given_back_where_a_step_fails() -> None:
    gate = Places(1)

    class Broken:
        async def admit(self, request: InvestigationRequested) -> Any:
            raise ZeroDivisionError

    ports = ports_for(gate=gate, admission=Broken())
    with pytest.raises(ZeroDivisionError):
        await Investigations(ports.settings).investigate(request_for(bad_deploy()), ports)
    assert (gate.held, gate.entered) == (0, 1)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (gather_kpis, "analyse_kpis"),
        (gather_topology, "learned_topology"),
        (gather_topology, "analyse_calls"),
        (gather_topology, "analyse_topology"),
        (gather_knowledge, "past_findings"),
        (gather_knowledge, "runbook_findings"),
        (rank, "rank_causes"),
        (verify, "verified"),
    ],
)
async def test_the_event_loop_answers_while_an_analysis_runs(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    loop, answered = asyncio.get_running_loop(), threading.Event()
    analyse = getattr(module, name)

    def slow(*arguments: Any, **named: Any) -> Any:
        loop.call_soon_threadsafe(answered.set)
        assert answered.wait(60), "the event loop is blocked by the analysis"
        return analyse(*arguments, **named)

    monkeypatch.setattr(module, name, slow)
    ports = ports_for()
    outcome = await Investigations(ports.settings).investigate(request_for(bad_deploy()), ports)
    assert isinstance(outcome, Reported)
    assert answered.is_set()


class SeenIdle:
    """A Lease that knows how many steps are idle."""

    def __init__(self) -> None:
        self.now = 0

    async def still_held(self) -> bool:
        return True

    @contextmanager
    def idle(self) -> Iterator[None]:
        self.now += 1
        try:
            yield
        finally:
            self.now -= 1


class LooksAtIdleness(StepClock):
    """A clock that notes at each pause how many steps were idle."""

    def __init__(self, lease: SeenIdle) -> None:
        super().__init__()
        self.lease = lease
        self.seen: list[int] = []

    async def sleep(self, delay_s: float) -> None:
        self.seen.append(self.lease.now)
        await super().sleep(delay_s)


async def test_an_investigation_is_idle_while_its_data_are_missing_and_not_when_it_works() -> None:
    data, lease = bad_deploy(), SeenIdle()
    clock = LooksAtIdleness(lease)
    never = Landing([{Source.LOGS: Landed()}])
    ports = replace(memory_ports(data, quick(data)), lease=lease, clock=clock, freshness=never)

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert isinstance(outcome, Reported)
    assert clock.seen
    assert set(clock.seen) == {1}
    assert lease.now == 0


async def test_an_investigation_is_idle_while_it_queues_for_a_place() -> None:
    data, lease, places = bad_deploy(), SeenIdle(), Places(1)
    ports = replace(memory_ports(data, quick(data)), lease=lease, gate=places)
    async with places.place(request_for(data)):
        run = asyncio.create_task(Investigations(ports.settings).investigate(request_for(data), ports))
        async with asyncio.timeout(60):
            while not lease.now:  # noqa: ASYNC110 - the queue tells nobody
                await asyncio.sleep(0)
    assert isinstance(await run, Reported)
    assert lease.now == 0


class OneAtATime:
    """Turns of which there is one, remembering who looked, and in which order."""

    def __init__(self) -> None:
        self._places = asyncio.Lock()
        self.began: list[str] = []
        self.held = 0

    def place(self, request: InvestigationRequested, queued: Queued) -> AbstractAsyncContextManager[None]:
        return self._hold(request, queued)

    @asynccontextmanager
    async def _hold(self, request: InvestigationRequested, queued: Queued) -> AsyncIterator[None]:
        if self._places.locked():
            await queued(1, 1)
        async with self._places:
            self.began.append(request.investigation_id)
            self.held += 1
            try:
                yield
            finally:
                self.held -= 1


async def test_an_investigation_takes_its_turn_once_and_gives_it_back_at_its_end() -> None:
    data, turns = bad_deploy(), OneAtATime()
    ports = replace(memory_ports(data, quick(data)), turns=turns)

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert isinstance(outcome, Reported)
    assert turns.began == [outcome.report.investigation_id]
    assert turns.held == 0


async def test_who_waits_for_data_holds_no_turn_and_who_queues_says_so() -> None:
    data, turns, freshness = bad_deploy(), OneAtATime(), HeldBack()
    publisher = CollectingPublisher()
    settings = quick(data).model_copy(update={"wait_limit_s": 3_600.0, "wait_poll_s": 0.01})
    ports = replace(memory_ports(data, settings), turns=turns, freshness=freshness, publisher=publisher)
    investigations = Investigations(ports.settings)
    requests = [request_for(data, case=f"case-{number}") for number in range(3)]
    tasks = [asyncio.create_task(investigations.investigate(one, ports)) for one in requests]
    async with asyncio.timeout(60):
        while len([one for one in states_and_steps(publisher.order) if one[0] == "waiting"]) < 3:  # noqa: ASYNC110 - the publisher tells nobody
            await asyncio.sleep(0.01)
        assert turns.began == [], "all of them wait, and none holds the turn"
        freshness.landed = True
        outcomes = await asyncio.gather(*tasks)

    assert all(isinstance(one, Reported) for one in outcomes)
    assert sorted(turns.began) == sorted(one.investigation_id for one in requests)
    queued = [one for one in states_and_steps(publisher.order) if one[0] == "queued"]
    assert len(queued) == 2


async def test_a_run_that_fails_gives_its_turn_back() -> None:
    data, turns = bad_deploy(), OneAtATime()
    ports = replace(memory_ports(data, quick(data)), turns=turns, cancellation=CancelAfter(5))

    await Investigations(ports.settings).investigate(request_for(data), ports)

    assert len(turns.began) == 1
    assert turns.held == 0
