"""The way to a model, from the settings; None where no provider is configured."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from uuid import uuid4

from agents.llm.gateway import GatewayPorts, LlmGateway
from agents.llm.prices import PriceBook, TokenPrices
from agents.llm.providers.config import ProviderConfig
from infra.cli.compose.process import RoleProcess
from infra.runtime.redis import RedisBudget
from infra.runtime.settings import LlmProvider, LlmSection
from infra.runtime.sql import Database, SqlJournal

__all__ = ["open_gateway"]


async def open_gateway(process: RoleProcess, budget: RedisBudget, database: Database) -> LlmGateway | None:
    """Return a gateway that is closed with the role."""
    section = process.installation.settings.llm
    if not section.providers:
        return None
    from agents.llm.providers.chat import OpenAiChat  # noqa: PLC0415 - 1.4 s, for nothing without a provider

    ports = GatewayPorts(
        budget=budget,
        journal=SqlJournal(database),
        prices=_prices(section),
        clock=process.clock,
        sleep=asyncio.sleep,
        random=random.SystemRandom().random,
        new_id=lambda: uuid4().hex,
        recorder=process.recorder,
    )
    gateway = LlmGateway([OpenAiChat(_config(one), process.clock) for one in section.providers], ports)
    process.stack.push_async_callback(gateway.aclose)
    return gateway


def _config(provider: LlmProvider) -> ProviderConfig:
    return ProviderConfig(
        name=provider.name,
        base_url=provider.base_url,
        api_key=provider.api_key,
        model=provider.model,
        timeout_s=provider.timeout_s,
        max_concurrency=provider.max_concurrent,
    )


def _prices(section: LlmSection) -> PriceBook:
    return PriceBook({model: _own(*prices) for model, prices in section.prices.items()})


def _own(input_usd: float, output_usd: float) -> TokenPrices:
    return TokenPrices(input=Decimal(str(input_usd)), output=Decimal(str(output_usd)))
