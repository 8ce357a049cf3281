"""A gateway over a model that answers from a script in this process: no server, no wait."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from agents.llm.budget import InMemoryBudget
from agents.llm.failures import BadRequest
from agents.llm.gateway import GatewayPorts, LlmGateway
from agents.llm.journal import InMemoryJournal
from agents.llm.prices import PriceBook
from agents.llm.providers.config import ProviderConfig
from agents.llm.providers.provider import Prompt, Reception
from tests.fakes.llm import HandClock, provider_config

__all__ = ["ScriptedModel", "gateway_over"]

Answer = Callable[[str], Any]


@dataclass(slots=True)
class ScriptedModel:
    """Answers each role by the name of its output model; a role without a script is refused."""

    script: Mapping[str, Answer] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)
    config: ProviderConfig = field(default_factory=lambda: provider_config("http://nowhere/v1"))

    async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
        self.prompts.append(prompt.user)
        answer = self.script.get(prompt.output.__name__)
        if answer is None:
            raise BadRequest("this model has no such role")
        told: JsonValue = answer(prompt.user)
        return told

    async def aclose(self) -> None:
        """Nothing is open."""


def gateway_over(model: ScriptedModel, limits: Mapping[str, int] | None = None) -> LlmGateway:
    """A gateway with real money arithmetic, priced as OpenAI's gpt-4o."""
    numbers = itertools.count()
    ports = GatewayPorts(
        budget=InMemoryBudget(limits or {}),
        journal=InMemoryJournal(),
        prices=PriceBook(),
        clock=HandClock(),
        sleep=asyncio.sleep,
        random=lambda: 0.0,
        new_id=lambda: f"id-{next(numbers)}",
    )
    return LlmGateway([model], ports)
