from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from agents.analysis.findings import Source
from agents.ports import Landed
from infra.cli.compose.gate import SharedFreshness, WorkingSteps
from schemas.errors import UnavailableError
from schemas.events import InvestigationRequested
from tests.fakes.incident_ports import StepClock
from tests.fakes.investigations import request


class Counted:
    """A Freshness that counts how often it is asked, and answers, or fails, as told."""

    def __init__(self, answer: Mapping[Source, Landed] | UnavailableError) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Source]] = []

    async def landed_until(self, tenant: str, sources: Sequence[Source]) -> Mapping[Source, Landed]:
        self.asked += [(tenant, source) for source in sources]
        await asyncio.sleep(0)
        if isinstance(self.answer, UnavailableError):
            raise self.answer
        return self.answer


LANDED = {Source.KPIS: Landed(), Source.LOGS: Landed()}


async def test_a_thousand_that_wait_ask_once() -> None:
    inner, clock = Counted(LANDED), StepClock()
    shared = SharedFreshness(inner, clock, 0.5)
    answers = await asyncio.gather(
        *(shared.landed_until("acme", [Source.KPIS, Source.LOGS]) for _ in range(1_000))
    )
    assert all(answer == LANDED for answer in answers)
    assert sorted(inner.asked) == [("acme", Source.KPIS), ("acme", Source.LOGS)]
    await clock.sleep(0.5)
    await shared.landed_until("acme", [Source.KPIS])
    assert len(inner.asked) == 3, "an old answer is asked for again"


async def test_tenants_do_not_share_an_answer() -> None:
    inner = Counted(LANDED)
    shared = SharedFreshness(inner, StepClock(), 0.5)
    await shared.landed_until("acme", [Source.KPIS])
    await shared.landed_until("other", [Source.KPIS])
    assert inner.asked == [("acme", Source.KPIS), ("other", Source.KPIS)]


async def test_a_source_that_never_lands_is_absent_and_remembered_so() -> None:
    inner = Counted({})
    shared = SharedFreshness(inner, StepClock(), 0.5)
    assert [await shared.landed_until("acme", [Source.TOPOLOGY]) for _ in range(2)] == [{}, {}]
    assert len(inner.asked) == 1


async def test_a_store_that_is_away_is_not_asked_by_everybody() -> None:
    inner, clock = Counted(UnavailableError("no answer")), StepClock()
    shared = SharedFreshness(inner, clock, 0.5)
    told = await asyncio.gather(
        *(shared.landed_until("acme", [Source.KPIS]) for _ in range(100)), return_exceptions=True
    )
    assert all(isinstance(one, UnavailableError) for one in told)
    assert len(inner.asked) == 1
    inner.answer = LANDED
    await clock.sleep(1)
    assert await shared.landed_until("acme", [Source.KPIS]) == {Source.KPIS: Landed()}


async def _order(gate: WorkingSteps, asked: Sequence[InvestigationRequested]) -> list[str]:
    """Queue them all behind a full gate, and tell in which order they get in."""
    order: list[str] = []

    async def enter(one: InvestigationRequested) -> None:
        async with gate.place(one):
            order.append(one.investigation_id)

    async with gate.place(request(99)):
        assert gate.full
        tasks = [asyncio.create_task(enter(one)) for one in asked]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*tasks)
    assert not gate.full
    return order


async def test_the_urgent_go_first_and_among_equals_the_oldest() -> None:
    young = request(1)
    old = young.model_copy(
        update={"investigation_id": "inv_2", "requested_at": young.requested_at - timedelta(hours=1)}
    )
    asked = [young, old, request(3, priority=90)]
    assert await _order(WorkingSteps(1), asked) == ["inv_3", "inv_2", "inv_1"]


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_work_than_places(limit: int) -> None:
    gate, working, most = WorkingSteps(limit), 0, 0

    async def step(number: int) -> None:
        nonlocal working, most
        async with gate.place(request(number)):
            working += 1
            most = max(most, working)
            await asyncio.sleep(0)
            working -= 1

    await asyncio.gather(*(step(number) for number in range(50)))
    assert most == limit
