"""Whose turn it is: tries, waits, the next provider, rest, deadline; over providers that fail as told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import JsonValue

from agents.llm.budget import InMemoryBudget
from agents.llm.failures import (
    AttemptFailure,
    BadRequest,
    ConnectionFailed,
    ContentRefused,
    OutputInvalid,
    RateLimited,
    ServerFailed,
    TimedOut,
    Unsupported,
)
from agents.llm.gateway import GatewayPolicy, GatewayPorts, LlmGateway
from agents.llm.journal import InMemoryJournal
from agents.llm.ledger import InMemoryLedger
from agents.llm.outcomes import Answered, Deterministic, DeterministicReason, Outcome, Refused
from agents.llm.outputs import WriterOutput
from agents.llm.prices import PriceBook
from agents.llm.providers.config import ProviderConfig
from agents.llm.providers.provider import Prompt, Reception
from agents.llm.retry import RetryPolicy
from agents.llm.roles import WRITER
from schemas.metrics import LLM_ATTEMPTS
from tests.fakes.incident_ports import ListRecorder
from tests.fakes.llm import REPORT, HandClock, provider_config, writer_call


@dataclass
class Told:
    """A provider that fails as often as told, in this order, and then answers."""

    name: str
    failures: list[AttemptFailure] = field(default_factory=list)
    answer: JsonValue = field(default_factory=lambda: dict(REPORT))
    asked: int = 0
    model: str = "gpt-4o"

    @property
    def config(self) -> ProviderConfig:
        return provider_config("http://nowhere/v1", self.name, model=self.model)

    async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.answer

    async def aclose(self) -> None:
        """Nothing is open."""


@dataclass
class Bench:
    providers: list[Told]
    policy: GatewayPolicy = field(default_factory=GatewayPolicy)
    limits: Mapping[str, int] = field(default_factory=dict)
    clock: HandClock = field(default_factory=HandClock)
    slept: list[float] = field(default_factory=list)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    metrics: ListRecorder = field(default_factory=ListRecorder)

    def __post_init__(self) -> None:
        numbers = iter(range(10**6))
        self.budget = InMemoryBudget(self.limits)

        async def sleep(delay: float, /) -> None:
            self.slept.append(delay)

        ports = GatewayPorts(
            budget=self.budget,
            journal=InMemoryJournal(),
            prices=PriceBook(),
            clock=self.clock,
            sleep=sleep,
            random=lambda: 1.0,
            new_id=lambda: str(next(numbers)),
            recorder=self.metrics,
        )
        self.gateway = LlmGateway(self.providers, ports, self.policy)

    async def ask(self, prompt: str = "Say what broke.") -> Outcome[WriterOutput]:
        return await self.gateway.ask(writer_call(prompt), self.ledger)

    @property
    def tries(self) -> list[tuple[str, str]]:
        return [(row.provider, row.outcome.value) for row in self.ledger.attempts]


async def test_what_may_pass_is_tried_again_with_growing_waits() -> None:
    bench = Bench([Told("a", [ServerFailed("500"), TimedOut("slow")])])
    assert isinstance(await bench.ask(), Answered)
    assert bench.tries == [("a", "server_error"), ("a", "timeout"), ("a", "ok")]
    assert bench.slept == [0.5, 1.0]
    assert [row.attempt for row in bench.ledger.attempts] == [1, 2, 3]


async def test_after_its_tries_the_next_provider_has_its_turn() -> None:
    bench = Bench([Told("a", [ServerFailed("500")] * 9), Told("b")])
    end = await bench.ask()
    assert isinstance(end, Answered)
    assert (end.provider, bench.providers[0].asked) == ("b", 3)
    assert [row.attempt for row in bench.ledger.attempts] == [1, 2, 3, 4]


@pytest.mark.parametrize("failure", [BadRequest("no"), ContentRefused("no")])
async def test_what_will_be_refused_again_is_not_tried_again(failure: AttemptFailure) -> None:
    bench = Bench([Told("a", [failure]), Told("b")])
    await bench.ask()
    assert [provider.asked for provider in bench.providers] == [1, 1]
    assert bench.slept == []


async def test_a_pause_that_is_wished_for_is_waited_and_a_long_one_is_left() -> None:
    bench = Bench([Told("a", [RateLimited("429", 12.0)])])
    await bench.ask()
    assert bench.slept == [12.5]
    bench = Bench([Told("a", [RateLimited("429", 31.0)]), Told("b")])
    await bench.ask()
    assert (bench.slept, bench.tries[-1]) == ([], ("b", "ok"))


async def test_another_way_of_asking_is_no_further_try() -> None:
    bench = Bench(
        [
            Told(
                "a",
                [Unsupported("json_schema"), Unsupported("tools"), ServerFailed("500"), ServerFailed("500")],
            )
        ]
    )
    assert isinstance(await bench.ask(), Answered)
    assert bench.providers[0].asked == 5
    assert bench.slept == [0.5, 1.0]


async def test_where_all_fail_the_last_failure_is_told() -> None:
    bench = Bench([Told("a", [BadRequest("no")]), Told("b", [ConnectionFailed("no")] * 9)])
    assert await bench.ask() == Deterministic(DeterministicReason.ALL_FAILED, "connection")


async def test_an_answer_of_another_shape_is_asked_for_again() -> None:
    bench = Bench([Told("a", answer={"headline": 7})])
    assert await bench.ask() == Deterministic(DeterministicReason.ALL_FAILED, "invalid_output")
    assert bench.providers[0].asked == 3


async def test_a_provider_that_fails_often_is_given_rest_and_then_probed() -> None:
    policy = GatewayPolicy(retry=RetryPolicy(max_attempts=1), failures_to_open=2, cooldown_s=10.0)
    bench = Bench([Told("a", [TimedOut("slow")] * 2)], policy)
    await bench.ask()
    await bench.ask()
    assert await bench.ask() == Deterministic(DeterministicReason.ALL_RESTING)
    assert bench.providers[0].asked == 2
    bench.clock.seconds = 10.0
    assert isinstance(await bench.ask(), Answered)


async def test_one_that_answers_badly_is_not_ill() -> None:
    policy = GatewayPolicy(retry=RetryPolicy(max_attempts=1), failures_to_open=1)
    bench = Bench([Told("a", [OutputInvalid("no JSON")])], policy)
    await bench.ask()
    assert isinstance(await bench.ask(), Answered)


async def test_a_resting_one_is_passed_over_and_holds_no_money() -> None:
    policy = GatewayPolicy(retry=RetryPolicy(max_attempts=1), failures_to_open=1)
    bench = Bench([Told("a", [TimedOut("slow")]), Told("b")], policy)
    await bench.ask("first")
    end = await bench.ask("second")
    assert isinstance(end, Answered)
    assert (end.provider, bench.providers[0].asked) == ("b", 1)
    assert bench.budget.held("tenant:t") == 0


async def test_an_exhausted_budget_refuses_whatever_failed_before() -> None:
    estimate = Bench([Told("a")])
    await estimate.ask()
    bench = Bench([Told("a", [BadRequest("no")]), Told("b")], limits={"tenant:t": 1})
    end = await bench.ask()
    assert isinstance(end, Refused)
    assert [provider.asked for provider in bench.providers] == [0, 0]
    assert {outcome for _, outcome in bench.tries} == {"budget_refused"}


async def test_a_cheaper_provider_may_still_be_within_the_budget() -> None:
    # 2,500 output tokens of gpt-4o cost 25,000,000 nano-USD, of gpt-4o-mini 1,500,000.
    bench = Bench([Told("a"), Told("b", model="gpt-4o-mini")], limits={"tenant:t": 10_000_000})
    end = await bench.ask()
    assert isinstance(end, Answered)
    assert (end.provider, end.model) == ("b", "gpt-4o-mini")


async def test_what_was_held_is_settled_to_what_it_cost() -> None:
    bench = Bench([Told("a", [ServerFailed("500"), TimedOut("slow")])])
    await bench.ask()
    assert bench.budget.held("tenant:t") == 0
    costs = [row.cost_nano_usd for row in bench.ledger.attempts]
    assert costs[0] == 0, "an error status means that nothing was generated"
    assert all(costs[1:]), "what ends without one is estimated"
    assert bench.budget.spent("tenant:t") == bench.ledger.cost_nano_usd == sum(cost or 0 for cost in costs)


async def test_a_prompt_that_is_too_long_is_not_sent() -> None:
    bench = Bench([Told("a")])
    end = await bench.ask("word " * WRITER.max_input_tokens)
    assert end == Deterministic(DeterministicReason.PROMPT_TOO_LONG)
    assert bench.ledger.attempts == ()


async def test_the_call_as_a_whole_has_a_deadline_and_its_cut_try_is_on_record() -> None:
    class Slow(Told):
        async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
            reception.pieces.append('{"headline": "half')
            await asyncio.Event().wait()
            raise AssertionError

    bench = Bench([Slow("a"), Told("b")], GatewayPolicy(deadline_s=0.05))
    assert await bench.ask() == Deterministic(DeterministicReason.DEADLINE)
    assert bench.tries == [("a", "cancelled")]
    (row,) = bench.ledger.attempts
    assert row.estimated
    assert bench.budget.spent("tenant:t") == row.cost_nano_usd
    assert bench.budget.held("tenant:t") == 0


async def test_an_answer_is_kept_and_tells_its_whole_past_again() -> None:
    bench = Bench([Told("a", [ServerFailed("500")])])
    first = await bench.ask()
    again = InMemoryLedger()
    second = await bench.gateway.ask(writer_call(), again)
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert (second.from_journal, second.value) == (True, first.value)
    assert [row.outcome.value for row in again.attempts] == ["server_error", "ok", "journal_hit"]
    assert again.attempts[-1].cost_nano_usd == 0
    assert bench.providers[0].asked == 2


async def test_another_question_is_not_answered_from_the_journal() -> None:
    bench = Bench([Told("a")])
    await bench.ask("one")
    end = await bench.ask("two")
    assert isinstance(end, Answered)
    assert not end.from_journal


async def test_a_try_is_dated_and_timed_by_the_given_clock() -> None:
    bench = Bench([Told("a")])
    bench.clock.seconds = 60.0
    await bench.ask()
    (row,) = bench.ledger.attempts
    assert row.started_at == HandClock().now() + timedelta(seconds=60)
    assert row.duration_ms == 0


async def test_attempts_are_counted_when_made_and_not_again_when_replayed() -> None:
    bench = Bench([Told("a", [ServerFailed("500")])])
    await bench.ask()
    made = [labels["outcome"] for name, _, labels in bench.metrics.kept if name == LLM_ATTEMPTS.name]
    assert made == ["server_error", "ok"]
    bench.metrics.kept.clear()
    await bench.ask()
    assert [labels["outcome"] for _, _, labels in bench.metrics.kept] == ["journal_hit"]
