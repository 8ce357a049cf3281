"""A tenant's investigations at a time: who waits, in which order, and what is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from infra.cli.compose.turns import TenantTurns
from schemas.errors import UnavailableError
from schemas.events import InvestigationRequested
from tests.fakes.incident_ports import StepClock
from tests.fakes.investigations import request


@dataclass
class Shared:
    """Places in memory, as Redis keeps them."""

    ttl_s: float = 3_600.0
    held: set[str] = field(default_factory=set)
    queue: dict[str, float] = field(default_factory=dict)
    renewed: int = 0
    away: bool = False

    async def take(self, tenant: str, name: str, order: float, limit: int) -> int:
        self._reach()
        if name in self.held:
            return 0
        self.queue.setdefault(name, order)
        ahead = sorted(self.queue, key=lambda one: (self.queue[one], one)).index(name)
        if len(self.held) + ahead >= limit:
            return ahead + 1
        del self.queue[name]
        self.held.add(name)
        return 0

    async def renew(self, tenant: str, name: str) -> None:
        self.renewed += 1
        self._reach()

    async def leave(self, tenant: str, name: str) -> None:
        self._reach()
        self.held.discard(name)
        self.queue.pop(name, None)

    def _reach(self) -> None:
        if self.away:
            raise UnavailableError("no Redis")


@dataclass
class Tenant:
    limit: int

    async def __call__(self, tenant: str) -> int:
        return self.limit


class Ticking(StepClock):
    """Time passes at once, and others get to run meanwhile."""

    async def sleep(self, delay_s: float) -> None:
        await super().sleep(delay_s)
        await asyncio.sleep(0)


async def unheard(position: int, limit: int) -> None:
    del position, limit


def asked(number: int, *, priority: int = 50, later_s: float = 0.0) -> InvestigationRequested:
    one = request(number, priority=priority)
    return one.model_copy(update={"requested_at": one.requested_at + timedelta(seconds=later_s)})


@dataclass
class House:
    """Several workers of one tenant."""

    limit: int
    places: Shared = field(default_factory=Shared)
    begun: list[str] = field(default_factory=list)
    working: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self.workers = [TenantTurns(self.places, Tenant(self.limit), Ticking()) for _ in range(3)]

    async def investigate(self, one: InvestigationRequested, worker: int = 0) -> None:
        async with self.workers[worker % 3].place(one, unheard):
            self.begun.append(one.investigation_id)
            self.working += 1
            self.most = max(self.most, self.working)
            await asyncio.sleep(0)
            self.working -= 1


async def until(met: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not met():  # noqa: ASYNC110 - conditions are about other tasks' states
            await asyncio.sleep(0)


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_the_limit_holds_over_all_workers_and_nobody_is_lost(limit: int) -> None:
    house = House(limit)
    async with asyncio.timeout(60):
        await asyncio.gather(*(house.investigate(asked(n), n) for n in range(30)))
    assert house.most == limit
    assert len(house.begun) == 30
    assert not house.places.held
    assert not house.places.queue


async def test_the_most_urgent_goes_first_then_the_oldest() -> None:
    house = House(1)
    house.places.held.add("somebody")
    waiting = [
        asked(1, later_s=9.0),
        asked(2, later_s=3.0),
        asked(3, priority=90, later_s=20.0),
        asked(4, later_s=6.0),
    ]
    tasks = [asyncio.create_task(house.investigate(one, n)) for n, one in enumerate(waiting)]
    await until(lambda: len(house.places.queue) == 4)
    house.places.held.clear()
    await asyncio.gather(*tasks)
    assert house.begun == ["inv_3", "inv_2", "inv_4", "inv_1"]


async def test_who_has_to_queue_hears_it_once() -> None:
    house, heard = House(1), list[tuple[int, int]]()
    house.places.held.add("somebody")

    async def queued(position: int, limit: int) -> None:
        heard.append((position, limit))

    async def work() -> None:
        async with house.workers[0].place(asked(1), queued):
            pass

    task = asyncio.create_task(work())
    await until(lambda: heard)
    for _ in range(10):
        await asyncio.sleep(0)
    house.places.held.clear()
    await task
    assert heard == [(1, 1)]


async def test_who_is_cut_off_in_the_queue_leaves_it() -> None:
    house = House(1)
    house.places.held.add("somebody")
    task = asyncio.create_task(house.investigate(asked(1)))
    await until(lambda: house.places.queue)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert house.places.queue == {}


async def test_a_place_is_renewed_while_it_is_held_also_past_an_outage() -> None:
    house = House(1)
    async with house.workers[0].place(asked(1), unheard):
        await until(lambda: house.places.renewed >= 2)
        house.places.away = True
        reached = house.places.renewed
        await until(lambda: house.places.renewed >= reached + 2)
        house.places.away = False
    assert not house.places.held
    calls = house.places.renewed
    for _ in range(10):
        await asyncio.sleep(0)
    assert house.places.renewed == calls, "nothing renews what was given up"


async def test_without_redis_nobody_begins() -> None:
    house = House(1)
    house.places.away = True
    with pytest.raises(UnavailableError):
        await house.investigate(asked(1))
    assert house.begun == []


async def test_who_is_far_from_the_head_asks_less_often() -> None:
    places, clock = Shared(), Ticking()
    places.queue = {f"other-{n}": -1.0 for n in range(40)}
    places.held.add("somebody")
    task = asyncio.create_task(_enter(TenantTurns(places, Tenant(2), clock)))
    await until(lambda: clock.slept)
    places.queue = {name: order for name, order in places.queue.items() if name == "inv_1"}
    await until(lambda: len(clock.slept) > 1 or task.done())
    places.held.clear()
    await task
    assert clock.slept[0] > 1.0


async def _enter(turns: TenantTurns) -> None:
    async with turns.place(asked(1), unheard):
        pass
