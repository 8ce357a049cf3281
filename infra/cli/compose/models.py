"""The way to a model, from the settings; None where no provider is configured."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

from agents.llm.gateway import GatewayPorts, LlmGateway
from infra.cli.compose.process import RoleProcess
from infra.cli.compose.providers import price_book, provider_config
from infra.runtime.redis import RedisBudget
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
        prices=price_book(section.prices),
        clock=process.clock,
        sleep=asyncio.sleep,
        random=random.SystemRandom().random,
        new_id=lambda: uuid4().hex,
        recorder=process.recorder,
    )
    gateway = LlmGateway(
        [OpenAiChat(provider_config(one), process.clock) for one in section.providers], ports
    )
    process.stack.push_async_callback(gateway.aclose)
    return gateway
