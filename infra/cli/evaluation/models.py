"""Any OpenAI-compatible model for an evaluation, through the gateway of production; budget and journal are in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from agents.llm.budget import InMemoryBudget
from agents.llm.gateway import GatewayPorts, LlmGateway
from agents.llm.journal import InMemoryJournal
from infra.cli.compose.providers import price_book, provider_config
from infra.runtime.clock import SystemClock
from infra.runtime.settings import LlmProvider, LlmSection
from schemas.errors import ConfigurationError, InvalidRequestError

__all__ = ["ChosenModel", "chosen_model", "open_model"]

_NAME = "evaluated"


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A provider as settings have it, and own prices by model. Can be sent to another process."""

    provider: LlmProvider
    prices: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.provider.model


def chosen_model(section: LlmSection, model: str, url: str, key_file: Path | None) -> ChosenModel | None:
    """Return the model asked for; None where none is.

    With a `url` it is any endpoint; without one, that provider of the settings whose name or model it is.

    Raises:
        ConfigurationError: no such provider is configured.
        InvalidRequestError: an endpoint or a key without a model, or a key that cannot be read.
    """
    if not model:
        if url or key_file:
            raise InvalidRequestError("which model?", cure="Name it with --model.")
        return None
    if url:
        provider = LlmProvider(name=_NAME, base_url=url, model=model, api_key=_key(key_file))
        return ChosenModel(provider, section.prices)
    for one in section.providers:
        if model in {one.name, one.model}:
            return ChosenModel(one, section.prices)
    raise ConfigurationError(
        f"no configured provider is, or has, {model}",
        cure="Give its address with --model-url, or configure it under llm.providers.",
    )


@asynccontextmanager
async def open_model(chosen: ChosenModel | None) -> AsyncIterator[LlmGateway | None]:
    """Yield a gateway for one event loop; None without a model."""
    if chosen is None:
        yield None
        return
    from agents.llm.providers.chat import OpenAiChat  # noqa: PLC0415 - 1.4 s, for nothing without a model

    clock = SystemClock()
    ports = GatewayPorts(
        budget=InMemoryBudget(),
        journal=InMemoryJournal(),
        prices=price_book(chosen.prices),
        clock=clock,
        sleep=asyncio.sleep,
        random=random.SystemRandom().random,
        new_id=lambda: uuid4().hex,
    )
    gateway = LlmGateway([OpenAiChat(provider_config(chosen.provider), clock)], ports)
    try:
        yield gateway
    finally:
        await gateway.aclose()


def _key(path: Path | None) -> SecretStr:
    if path is None:
        return SecretStr("none")
    try:
        return SecretStr(path.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise InvalidRequestError(
            f"the key cannot be read: {error}", cure="Name a file with the key."
        ) from error
