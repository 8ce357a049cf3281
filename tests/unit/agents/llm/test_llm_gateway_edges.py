"""What the gateway does where nothing is to be sent, or a store is away: no server is needed to see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from agents.llm.budget import InMemoryBudget
from agents.llm.gateway import GatewayPorts, LlmGateway
from agents.llm.journal import InMemoryJournal
from agents.llm.ledger import InMemoryLedger
from agents.llm.outcomes import Answered, Deterministic, DeterministicReason, Refused
from agents.llm.ports import Budget, CallJournal
from agents.llm.prices import PriceBook
from agents.llm.providers.config import ProviderConfig
from agents.llm.providers.provider import Prompt, Reception
from schemas.errors import BudgetExceededError, ConfigurationError, InvalidRequestError, UnavailableError
from tests.fakes.llm import REPORT, HandClock, provider_config, writer_call


class _Instant:
    """A provider that answers at once."""

    def __init__(self, name: str = "first") -> None:
        self.config: ProviderConfig = provider_config("http://nowhere/v1", name)
        self.asked = 0

    async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
        self.asked += 1
        return REPORT

    async def aclose(self) -> None:
        """Nothing is open."""


class _AwayBudget(InMemoryBudget):
    async def reserve(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        raise UnavailableError("redis is away")


class _AwayJournal(InMemoryJournal):
    async def get(self, investigation_id: str, step: str, prompt_hash: str) -> str | None:
        raise UnavailableError("sqlite is away")

    async def put(self, investigation_id: str, step: str, prompt_hash: str, answer: str) -> None:
        raise UnavailableError("sqlite is away")


class _ForgetfulBudget(InMemoryBudget):
    async def settle(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        raise UnavailableError("redis went away")


def gateway(
    *providers: _Instant, budget: Budget | None = None, journal: CallJournal | None = None
) -> LlmGateway:
    ports = GatewayPorts(
        budget=budget or InMemoryBudget(),
        journal=journal or InMemoryJournal(),
        prices=PriceBook(),
        clock=HandClock(),
        sleep=asyncio.sleep,
        random=lambda: 0.0,
        new_id=iter(map(str, range(10**6))).__next__,
    )
    return LlmGateway(providers, ports)


async def test_without_a_provider_the_mode_is_deterministic() -> None:
    end = await gateway().ask(writer_call(), InMemoryLedger())
    assert end == Deterministic(DeterministicReason.NOT_CONFIGURED)


@pytest.mark.parametrize("names", [(), ("unknown",)])
async def test_a_call_that_may_use_nobody_is_deterministic(names: tuple[str, ...]) -> None:
    end = await gateway(_Instant()).ask(writer_call(providers=names), InMemoryLedger())
    assert end == Deterministic(DeterministicReason.NOT_CONFIGURED)


async def test_a_call_names_its_providers_in_order() -> None:
    first, second = _Instant("first"), _Instant("second")
    end = await gateway(first, second).ask(writer_call(providers=("second", "first")), InMemoryLedger())
    assert isinstance(end, Answered)
    assert (end.provider, first.asked, second.asked) == ("second", 0, 1)


async def test_two_providers_of_one_name_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        gateway(_Instant(), _Instant())


async def test_a_budget_that_is_away_refuses() -> None:
    provider, ledger = _Instant(), InMemoryLedger()
    end = await gateway(provider, budget=_AwayBudget()).ask(writer_call(), ledger)
    assert end == Refused("redis is away")
    assert provider.asked == 0
    assert ledger.attempts[0].cost_nano_usd == 0


async def test_a_settlement_that_fails_does_not_lose_the_answer() -> None:
    budget = _ForgetfulBudget()
    end = await gateway(_Instant(), budget=budget).ask(writer_call(), InMemoryLedger())
    assert isinstance(end, Answered)
    assert budget.held("tenant:t") > 0


async def test_a_journal_that_is_away_does_not_lose_the_answer() -> None:
    end = await gateway(_Instant(), journal=_AwayJournal()).ask(writer_call(), InMemoryLedger())
    assert isinstance(end, Answered)


async def test_a_journal_entry_nobody_can_read_is_asked_again() -> None:
    class Rotten(InMemoryJournal):
        async def get(self, investigation_id: str, step: str, prompt_hash: str) -> str | None:
            return '{"answer": {"headline": 3}}'

    provider = _Instant()
    end = await gateway(provider, journal=Rotten()).ask(writer_call(), InMemoryLedger())
    assert isinstance(end, Answered)
    assert (provider.asked, end.from_journal) == (1, False)


async def test_an_attempt_is_known_before_the_answer_is() -> None:
    ledger = InMemoryLedger()
    await gateway(_Instant()).ask(writer_call(first_attempt=5), ledger)
    assert [row.attempt for row in ledger.attempts] == [5]


async def test_the_budget_in_memory_holds_all_scopes_or_none() -> None:
    budget = InMemoryBudget({"tenant": 100, "inv": 50})
    await budget.reserve(("tenant", "inv"), 40, "a")
    with pytest.raises(BudgetExceededError):
        await budget.reserve(("tenant", "inv"), 20, "b")
    assert (budget.held("tenant"), budget.held("inv")) == (40, 40)
    await budget.settle(("tenant", "inv"), 10, "a")
    await budget.settle(("tenant", "inv"), 10, "a")
    assert (budget.spent("tenant"), budget.held("tenant")) == (10, 0)
    await budget.reserve(("tenant", "inv"), 40, "c")


async def test_an_exhausted_budget_refuses_even_the_unpriced() -> None:
    budget = InMemoryBudget({"tenant": 10})
    await budget.settle(("tenant",), 10, "a")
    with pytest.raises(BudgetExceededError):
        await budget.reserve(("tenant",), 0, "b")


async def test_a_negative_reservation_is_a_mistake() -> None:
    with pytest.raises(InvalidRequestError):
        await InMemoryBudget().reserve(("tenant",), -1, "a")
