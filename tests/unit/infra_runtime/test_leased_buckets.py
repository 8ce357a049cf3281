"""Tokens taken from a shared bucket several at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.runtime.buckets import BucketRule, LeasedBuckets, LocalBuckets, Taken
from schemas.errors import UnavailableError
from tests.fakes.api import ManualClock

FAST = BucketRule(per_s=1_000.0, burst=2_000)


@dataclass
class Shared:
    """Satisfies SharedBuckets over a bucket in memory; `calls` counts how often it was asked."""

    buckets: LocalBuckets
    calls: int = 0
    away: bool = False

    async def take_some(self, name: str, wanted: int) -> tuple[int, Taken]:
        self.calls += 1
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("away")
        taken, last = 0, await self.buckets.take(name)
        while last.allowed:
            taken += 1
            if taken == wanted:
                break
            last = await self.buckets.take(name)
        return taken, Taken(taken > 0, last.remaining, 0.0 if taken else last.retry_after_s)


def leased(rule: BucketRule, clock: ManualClock) -> tuple[LeasedBuckets, Shared]:
    shared = Shared(LocalBuckets(rule, clock.monotonic))
    return LeasedBuckets(shared, rule, clock.monotonic), shared


async def test_one_question_serves_many_requests() -> None:
    buckets, shared = leased(FAST, ManualClock())
    taken = [await buckets.take("a") for _ in range(40)]
    assert all(one.allowed for one in taken)
    assert shared.calls == 2
    assert [one.remaining for one in taken[:3]] == [1_999, 1_998, 1_997]


async def test_those_who_come_at_once_ask_once() -> None:
    buckets, shared = leased(FAST, ManualClock())
    taken = await asyncio.gather(*(buckets.take("a") for _ in range(20)))
    assert all(one.allowed for one in taken)
    assert shared.calls == 1


async def test_names_have_leases_of_their_own() -> None:
    buckets, shared = leased(FAST, ManualClock())
    await asyncio.gather(buckets.take("a"), buckets.take("b"), buckets.take("a"))
    assert shared.calls == 2


async def test_a_lease_ends() -> None:
    clock = ManualClock()
    buckets, shared = leased(FAST, clock)
    await buckets.take("a")
    clock.pass_s(1.0)
    await buckets.take("a")
    assert shared.calls == 2


async def test_where_little_refills_tokens_are_taken_one_by_one() -> None:
    buckets, shared = leased(BucketRule(per_s=0.01, burst=3), ManualClock())
    assert [(await buckets.take("a")).allowed for _ in range(5)] == [True, True, True, False, False]
    assert shared.calls == 5


async def test_what_is_leased_is_given_out_while_nobody_answers_and_no_longer() -> None:
    clock = ManualClock()
    buckets, shared = leased(FAST, clock)
    await buckets.take("a")
    shared.away = True
    assert (await buckets.take("a")).allowed
    clock.pass_s(1.0)
    with pytest.raises(UnavailableError):
        await buckets.take("a")


@given(
    st.floats(1, 5_000),
    st.integers(1, 3_000),
    st.lists(st.tuples(st.floats(0, 1.5), st.integers(1, 60)), min_size=1, max_size=30),
)
async def test_no_more_is_given_out_than_the_rule_allows(
    per_s: float, burst: int, visits: list[tuple[float, int]]
) -> None:
    clock = ManualClock()
    buckets, _ = leased(BucketRule(per_s, burst), clock)
    allowed = 0
    for pause, requests in visits:
        clock.pass_s(pause)
        taken = await asyncio.gather(*(buckets.take("a") for _ in range(requests)))
        allowed += sum(one.allowed for one in taken)
        assert allowed <= burst + clock.monotonic() * per_s + 1e-6
        assert all(one.allowed or one.retry_after_s > 0 for one in taken)
