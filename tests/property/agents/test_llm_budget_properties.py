"""Money in memory: whatever is asked in whatever order, nothing is spent twice and no limit is passed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.llm.breaker import Breaker, BreakerState
from agents.llm.budget import InMemoryBudget
from agents.llm.failures import TimedOut
from agents.llm.retry import RetryPolicy
from schemas.errors import BudgetExceededError
from tests.fakes.llm import HandClock

SCOPES = ("tenant", "inv")


@dataclass(frozen=True)
class Move:
    """Reserve or settle an amount in some scopes, under a key that may come again."""

    reserve: bool
    scopes: tuple[str, ...]
    amount: int
    key: str


moves = st.lists(
    st.builds(
        Move,
        st.booleans(),
        st.sampled_from([("tenant",), ("inv",), SCOPES]),
        st.integers(0, 60),
        st.sampled_from("abcd"),
    ),
    max_size=25,
)


async def played(
    given_: list[Move], limits: dict[str, int]
) -> tuple[InMemoryBudget, dict[str, Move], dict[str, Move]]:
    """The budget after the moves, with what was first held and first settled under each key."""
    budget = InMemoryBudget(limits)
    held: dict[str, Move] = {}
    settled: dict[str, Move] = {}
    for move in given_:
        # A key is settled in the scopes it was held in, as the gateway does.
        scopes = held[move.key].scopes if move.key in held else move.scopes
        if move.reserve:
            try:
                await budget.reserve(scopes, move.amount, move.key)
            except BudgetExceededError:
                continue
            if move.key not in settled:
                held.setdefault(move.key, move)
        else:
            await budget.settle(scopes, move.amount, move.key)
            settled.setdefault(move.key, Move(False, scopes, move.amount, move.key))
    return budget, held, settled


@settings(deadline=None, max_examples=50)
@given(moves)
def test_every_key_counts_once_in_each_of_its_scopes(given_: list[Move]) -> None:
    budget, held, settled = asyncio.run(played(given_, {"tenant": 200, "inv": 100}))
    for scope in SCOPES:
        spent = sum(one.amount for one in settled.values() if scope in one.scopes)
        open_ = sum(one.amount for key, one in held.items() if key not in settled and scope in one.scopes)
        assert budget.spent(scope) == spent
        assert budget.held(scope) == open_


@settings(deadline=None, max_examples=50)
@given(moves)
def test_what_is_held_never_passes_a_limit_by_itself(given_: list[Move]) -> None:
    limits = {"tenant": 80, "inv": 50}
    holds_only = [move for move in given_ if move.reserve]
    budget, _, _ = asyncio.run(played(holds_only, limits))
    for scope, limit in limits.items():
        assert budget.held(scope) + budget.spent(scope) <= limit


@given(moves)
@settings(deadline=None, max_examples=50)
def test_a_scope_without_a_limit_is_counted_and_never_refuses(given_: list[Move]) -> None:
    budget, held, settled = asyncio.run(played(given_, {}))
    assert set(held) | set(settled) == {move.key for move in given_}
    assert all(budget.spent(scope) >= 0 and budget.held(scope) >= 0 for scope in SCOPES)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 12), st.floats(0.01, 5.0), st.floats(0.01, 60.0), st.floats(0.0, 0.999))
def test_a_wait_is_never_longer_than_its_cap_nor_negative(
    tries: int, base: float, cap: float, chance: float
) -> None:
    wait = RetryPolicy(max_attempts=99, base_s=base, cap_s=cap).delay_s(TimedOut(), tries, lambda: chance)
    assert wait is not None
    assert 0.0 <= wait <= min(cap, base * 2.0 ** (tries - 1))


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sampled_from(["fail", "succeed", "abandon", "wait"]), max_size=40),
    st.integers(1, 4),
)
def test_a_breaker_is_open_only_after_failures_and_closed_only_by_success(
    steps: list[str], failures_to_open: int
) -> None:
    clock = HandClock()
    breaker = Breaker(clock, failures_to_open, cooldown_s=10.0)
    in_a_row, opened = 0, False
    for step in steps:
        if step == "wait":
            clock.seconds += 10.0
            continue
        permit = breaker.acquire()
        if permit is None:
            assert breaker.state is BreakerState.OPEN
            continue
        assert permit.is_probe is opened
        if step == "succeed":
            permit.succeeded()
            in_a_row, opened = 0, False
        elif step == "fail":
            permit.failed()
            in_a_row += 1
            opened = opened or in_a_row >= failures_to_open
        else:
            permit.abandoned()
        assert (breaker.state is BreakerState.CLOSED) is not opened
