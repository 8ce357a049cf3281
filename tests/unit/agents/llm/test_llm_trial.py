"""One attempt, step by step, with ports that write down in which order they were used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from pydantic import JsonValue

from agents.llm.attempt import AttemptOutcome, RoleName
from agents.llm.breaker import Breaker, BreakerState
from agents.llm.failures import AttemptFailure, OutputInvalid, ServerFailed, Unauthenticated
from agents.llm.ledger import InMemoryLedger
from agents.llm.outputs import WriterOutput
from agents.llm.prices import PriceBook
from agents.llm.providers.config import ProviderConfig
from agents.llm.providers.provider import Prompt, Reception
from agents.llm.trial import Accounts, Failed, Got, Lane, NoBudget, Resting, Trial
from schemas.errors import BudgetExceededError
from tests.fakes.llm import HandClock, provider_config
from tests.fakes.waiting import until

PROMPT = Prompt("system", "user", WriterOutput, 100)


@dataclass
class _Diary:
    """A budget and a provider in one, so that their order shows."""

    end: AttemptFailure | None = None
    refuse: bool = False
    hold_reserve: asyncio.Event | None = None
    hold_answer: asyncio.Event | None = None
    said: str = ""
    seconds: float = 0.0
    clock: HandClock = field(default_factory=HandClock)
    steps: list[str] = field(default_factory=list)
    config: ProviderConfig = field(default_factory=lambda: provider_config("http://nowhere/v1"))

    async def reserve(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        self.steps.append(f"reserve {nano_usd > 0}")
        if self.hold_reserve is not None:
            await self.hold_reserve.wait()
        if self.refuse:
            raise BudgetExceededError("nothing left")

    async def settle(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        self.steps.append(f"settle {nano_usd > 0}")

    async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
        self.steps.append("call")
        self.clock.seconds += self.seconds
        reception.pieces.append(self.said)
        if self.hold_answer is not None:
            await self.hold_answer.wait()
        if self.end is not None:
            raise self.end
        return {"said": self.said}

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class _Set:
    diary: _Diary
    lane: Lane
    trial: Trial[JsonValue]
    ledger: InMemoryLedger


def made(diary: _Diary, *, places: int = 1, invalid: bool = False) -> _Set:
    def parse(raw: JsonValue) -> JsonValue:
        if invalid:
            raise OutputInvalid("wrong shape")
        return raw

    ledger = InMemoryLedger()
    accounts = Accounts(diary, PriceBook(), diary.clock, lambda: "id")
    lane = Lane(diary, Breaker(diary.clock, failures_to_open=1, cooldown_s=10), asyncio.Semaphore(places))
    trial = Trial(PROMPT, RoleName.WRITER, "step", ("tenant:t",), parse, str.upper, accounts, ledger)
    return _Set(diary, lane, trial, ledger)


async def test_money_is_held_first_and_settled_last() -> None:
    bench = made(_Diary(said="hello", seconds=1.5))
    end = await bench.trial.run(bench.lane, 1)
    assert end == Got({"said": "hello"}, {"said": "hello"})
    assert bench.diary.steps == ["reserve True", "call", "settle True"]
    assert bench.ledger.attempts[0].duration_ms == 1500


async def test_a_refused_reservation_calls_nobody_and_settles_nothing() -> None:
    bench = made(_Diary(refuse=True))
    assert await bench.trial.run(bench.lane, 3) == NoBudget("nothing left")
    assert bench.diary.steps == ["reserve True"]
    (row,) = bench.ledger.attempts
    assert (row.attempt, row.outcome, row.detail) == (3, AttemptOutcome.BUDGET_REFUSED, "NOTHING LEFT")


async def test_a_resting_provider_gives_the_hold_back_and_leaves_no_row() -> None:
    bench = made(_Diary(end=ServerFailed("500")))
    await bench.trial.run(bench.lane, 1)
    assert await bench.trial.run(bench.lane, 2) == Resting()
    assert bench.diary.steps[-2:] == ["reserve True", "settle False"]
    assert len(bench.ledger.attempts) == 1


@pytest.mark.parametrize(
    ("failure", "state", "costs"),
    [
        (ServerFailed("500"), BreakerState.OPEN, False),
        (Unauthenticated("401"), BreakerState.OPEN, False),
        (OutputInvalid("prose"), BreakerState.CLOSED, True),
    ],
)
async def test_a_failure_tells_breaker_and_ledger_what_it_is(
    failure: AttemptFailure, state: BreakerState, costs: bool
) -> None:
    bench = made(_Diary(end=failure))
    assert await bench.trial.run(bench.lane, 1) == Failed(failure)
    assert bench.lane.breaker.state is state
    (row,) = bench.ledger.attempts
    assert (row.outcome, row.estimated, (row.cost_nano_usd or 0) > 0) == (failure.OUTCOME, costs, costs)
    assert row.detail == str(failure).upper()
    assert bench.diary.steps[-1] == f"settle {costs}"


async def test_an_answer_of_the_wrong_shape_is_paid_for() -> None:
    bench = made(_Diary(said="x" * 300), invalid=True)
    end = await bench.trial.run(bench.lane, 1)
    assert isinstance(end, Failed)
    assert bench.ledger.attempts[0].outcome is AttemptOutcome.INVALID_OUTPUT
    assert bench.ledger.attempts[0].usage.output == 100


async def test_cancelled_while_the_hold_is_made_gives_it_back() -> None:
    bench = made(_Diary(hold_reserve=asyncio.Event()))
    await _cancelled(bench, when=["reserve True"])
    assert bench.diary.steps == ["reserve True", "settle False"]
    assert bench.ledger.attempts == ()


async def test_cancelled_in_the_queue_costs_nothing_and_leaves_no_row() -> None:
    bench = made(_Diary(), places=0)
    await _cancelled(bench, when=["reserve True"])
    assert bench.diary.steps == ["reserve True", "settle False"]
    assert bench.ledger.attempts == ()


async def test_cancelled_under_way_is_estimated_settled_and_written_down() -> None:
    bench = made(_Diary(said="half", hold_answer=asyncio.Event()))
    await _cancelled(bench, when=["reserve True", "call"])
    assert bench.diary.steps == ["reserve True", "call", "settle True"]
    (row,) = bench.ledger.attempts
    assert (row.outcome, row.estimated, row.usage.output) == (AttemptOutcome.CANCELLED, True, 2)
    assert bench.lane.breaker.state is BreakerState.CLOSED


async def _cancelled(bench: _Set, when: list[str]) -> None:
    task = asyncio.create_task(bench.trial.run(bench.lane, 1))
    await until(lambda: bench.diary.steps == when)
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
