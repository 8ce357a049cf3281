"""One suite over every adapter of the gateway's ports: what holds in memory holds in Redis and in SQLite."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from agents.llm.budget import InMemoryBudget
from agents.llm.journal import InMemoryJournal
from agents.llm.ports import Budget, CallJournal
from infra.runtime.redis.budget import RedisBudget
from infra.runtime.redis.client import open_redis
from infra.runtime.sql import SqlJournal, open_database
from schemas.errors import BudgetExceededError, InvalidRequestError

LIMITS = {"tenant:t": 1_000, "inv:i": 600}
SCOPES = ("tenant:t", "inv:i", "service:unlimited")


class SpentOf(Protocol):
    async def __call__(self, scope: str) -> int: ...


class _Purse:
    """A budget, and a way to look into it that each adapter has in its own form."""

    def __init__(self, budget: Budget, spent: SpentOf) -> None:
        self.budget = budget
        self.spent = spent

    async def reserve(self, nano_usd: int, key: str, scopes: Sequence[str] = SCOPES) -> None:
        await self.budget.reserve(scopes, nano_usd, key)

    async def settle(self, nano_usd: int, key: str, scopes: Sequence[str] = SCOPES) -> None:
        await self.budget.settle(scopes, nano_usd, key)

    async def is_full_for(self, nano_usd: int) -> bool:
        key = uuid.uuid4().hex
        try:
            await self.reserve(nano_usd, key)
        except BudgetExceededError:
            return True
        await self.settle(0, key)
        return False


def _in_memory() -> _Purse:
    budget = InMemoryBudget(LIMITS)

    async def spent(scope: str) -> int:
        return budget.spent(scope)

    return _Purse(budget, spent)


async def _in_redis(stack: AsyncExitStack, url: str) -> _Purse:
    redis = await stack.enter_async_context(open_redis(url))

    async def limit_of(scope: str) -> int | None:
        return LIMITS.get(scope)

    prefix = f"contract-{uuid.uuid4().hex}"
    budget = RedisBudget(
        redis, prefix=prefix, limit_of=limit_of, now=lambda: datetime(2026, 11, 1, tzinfo=UTC)
    )

    async def spent(scope: str) -> int:
        return await budget.spent(scope, SCOPES)

    return _Purse(budget, spent)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
async def purse(request: pytest.FixtureRequest) -> AsyncIterator[_Purse]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield _in_memory()
        else:
            yield await _in_redis(stack, request.getfixturevalue("redis_url"))


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CallJournal]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield InMemoryJournal()
        else:
            yield SqlJournal(await stack.enter_async_context(open_database(tmp_path / "control.db")))


async def test_a_hold_counts_until_it_is_settled(purse: _Purse) -> None:
    await purse.reserve(500, "a")
    assert await purse.is_full_for(101)
    assert not await purse.is_full_for(100)
    await purse.settle(50, "a")
    assert await purse.spent("tenant:t") == 50
    assert not await purse.is_full_for(550)
    assert await purse.is_full_for(551)


async def test_the_tightest_scope_decides_and_the_others_stay_untouched(purse: _Purse) -> None:
    with pytest.raises(BudgetExceededError, match="inv:i"):
        await purse.reserve(700, "a")
    await purse.reserve(1_000, "b", ("tenant:t",))


async def test_settling_twice_counts_once(purse: _Purse) -> None:
    await purse.reserve(100, "a")
    for _ in range(3):
        await purse.settle(70, "a")
    assert await purse.spent("tenant:t") == 70


async def test_reserving_twice_holds_once(purse: _Purse) -> None:
    await purse.reserve(300, "a")
    await purse.reserve(300, "a")
    assert not await purse.is_full_for(300)


async def test_more_than_was_held_may_be_settled(purse: _Purse) -> None:
    await purse.reserve(10, "a")
    await purse.settle(900, "a")
    assert await purse.spent("inv:i") == 900
    assert await purse.is_full_for(0)


async def test_a_settlement_without_a_hold_still_counts(purse: _Purse) -> None:
    await purse.settle(40, "never-reserved")
    assert await purse.spent("tenant:t") == 40


async def test_fifty_at_once_never_hold_more_than_the_limit(purse: _Purse) -> None:
    async def one(number: int) -> bool:
        try:
            await purse.reserve(100, f"k{number}")
        except BudgetExceededError:
            return False
        return True

    held = await asyncio.gather(*(one(number) for number in range(50)))
    assert sum(held) == 6


async def test_a_negative_amount_is_a_mistake(purse: _Purse) -> None:
    with pytest.raises(InvalidRequestError):
        await purse.reserve(-1, "a")


async def test_the_journal_gives_back_what_it_was_given(journal: CallJournal) -> None:
    await journal.put("inv", "rank", "h1", '{"ä": "<EMAIL_1>"}')
    assert await journal.get("inv", "rank", "h1") == '{"ä": "<EMAIL_1>"}'


@pytest.mark.parametrize("key", [("other", "rank", "h1"), ("inv", "plan", "h1"), ("inv", "rank", "h2")])
async def test_the_journal_tells_its_keys_apart(journal: CallJournal, key: tuple[str, str, str]) -> None:
    await journal.put("inv", "rank", "h1", "answer")
    assert await journal.get(*key) is None


async def test_the_first_answer_stays(journal: CallJournal) -> None:
    await journal.put("inv", "rank", "h1", "first")
    await journal.put("inv", "rank", "h1", "second")
    assert await journal.get("inv", "rank", "h1") == "first"
