"""Providers and prices as the settings have them, in the gateway's own words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from agents.llm.prices import PriceBook, TokenPrices
from agents.llm.providers.config import ProviderConfig
from infra.runtime.settings import LlmProvider

__all__ = ["price_book", "provider_config"]


def provider_config(provider: LlmProvider) -> ProviderConfig:
    """Return what a client of this provider needs to know."""
    return ProviderConfig(
        name=provider.name,
        base_url=provider.base_url,
        api_key=provider.api_key,
        model=provider.model,
        timeout_s=provider.timeout_s,
        max_concurrency=provider.max_concurrent,
    )


def price_book(prices: Mapping[str, tuple[float, float]]) -> PriceBook:
    """Return the book with these own prices by model: USD for a million tokens in, and out."""
    return PriceBook({model: _own(*both) for model, both in prices.items()})


def _own(input_usd: float, output_usd: float) -> TokenPrices:
    return TokenPrices(input=Decimal(str(input_usd)), output=Decimal(str(output_usd)))
