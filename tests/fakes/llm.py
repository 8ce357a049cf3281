"""A gateway over a scripted server, with time, chance and ids in the test's hand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from agents.llm.budget import InMemoryBudget
from agents.llm.gateway import Call, GatewayPolicy, GatewayPorts, LlmGateway
from agents.llm.journal import InMemoryJournal
from agents.llm.ledger import InMemoryLedger
from agents.llm.outcomes import Outcome
from agents.llm.outputs import WriterOutput
from agents.llm.ports import CallJournal
from agents.llm.prices import PriceBook
from agents.llm.providers.chat import OpenAiChat
from agents.llm.providers.config import ProviderConfig
from agents.llm.roles import WRITER

__all__ = ["REPORT", "Bench", "HandClock", "provider_config", "running_gateway", "writer_call"]

REPORT: dict[str, Any] = {
    "headline": "cart: connection pool exhausted",
    "summary": "The pool of cart ran dry at 10:02 [ev_1].",
    "next_steps": [{"action": "raise the pool", "reason": "it is full", "evidence_ids": ["ev_1"]}],
}
"""What a good model answers to the writer's call."""


@dataclass(slots=True)
class HandClock:
    """A clock that only the test moves."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@dataclass(slots=True)
class Bench:
    """A gateway and everything around it that a test looks at."""

    gateway: LlmGateway
    budget: InMemoryBudget
    journal: CallJournal
    clock: HandClock
    slept: list[float]
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)

    async def ask(self, call: Call[WriterOutput]) -> Outcome[WriterOutput]:
        return await self.gateway.ask(call, self.ledger)

    @property
    def outcomes(self) -> list[str]:
        return [attempt.outcome.value for attempt in self.ledger.attempts]


def provider_config(base_url: str, name: str = "first", **changes: Any) -> ProviderConfig:
    """Priced as OpenAI's gpt-4o, so that the money of a test is real arithmetic."""
    settings: dict[str, Any] = {"model": "gpt-4o", "price_provider": "openai", "timeout_s": 20.0, **changes}
    return ProviderConfig(name=name, base_url=base_url, api_key=SecretStr("test-key-of-provider"), **settings)


def writer_call(
    prompt: str = "Say what broke.", step: str = "summarise", **changes: Any
) -> Call[WriterOutput]:
    return Call(
        investigation_id="inv_1", step=step, role=WRITER, prompt=prompt, scopes=("tenant:t",), **changes
    )


@asynccontextmanager
async def running_gateway(
    configs: Sequence[ProviderConfig],
    *,
    policy: GatewayPolicy | None = None,
    limits: dict[str, int] | None = None,
    journal: CallJournal | None = None,
) -> AsyncIterator[Bench]:
    """A gateway whose waits between tries take no time, and whose jitter is always one half of its range."""
    clock, slept, numbers = HandClock(), list[float](), itertools.count()
    budget, kept = InMemoryBudget(limits or {}), journal or InMemoryJournal()

    async def sleep(delay: float, /) -> None:
        slept.append(delay)
        await asyncio.sleep(0)

    ports = GatewayPorts(
        budget=budget,
        journal=kept,
        prices=PriceBook(),
        clock=clock,
        sleep=sleep,
        random=lambda: 0.5,
        new_id=lambda: f"id-{next(numbers)}",
    )
    gateway = LlmGateway([OpenAiChat(config, clock) for config in configs], ports, policy or GatewayPolicy())
    try:
        yield Bench(gateway, budget, kept, clock, slept)
    finally:
        await gateway.aclose()
