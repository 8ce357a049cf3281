"""What a call costs, in integer nano-USD (10^-9 USD), by versioned prices; unknown is None, never zero.

Prices come from a table of the operator's own first, then from the data inside the `genai-prices` package. Nothing is
fetched: the prices change when the package does, and the version in every ledger row says which they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

import structlog
from pydantic import Field

from schemas.events.base import Record
from schemas.events.ledger import Usage

if TYPE_CHECKING:
    import genai_prices
    from genai_prices.types import PriceCalculation

__all__ = ["Cost", "ModelRef", "PriceBook", "TokenPrices"]

_NANO_PER_USD = Decimal(10**9)
_NANO_PER_MTOK_USD = Decimal(1000)  # one USD per million tokens is a thousand nano-USD per token

_log = structlog.get_logger(__name__)

_Usd = Annotated[Decimal, Field(ge=0)]


class TokenPrices(Record):
    """An operator's own prices for one model, USD per million tokens."""

    input: _Usd
    output: _Usd
    cache_read: _Usd | None = None
    """None: cached input costs what input costs."""
    cache_write: _Usd | None = None
    """None: input written to the cache costs what input costs."""


@dataclass(frozen=True, slots=True)
class ModelRef:
    """Which model's price: `price_provider` is an id of genai-prices, empty to go by the address."""

    model: str
    base_url: str
    price_provider: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    nano_usd: int | None
    """None: nobody told us this model's price, or the tokens are unknown."""
    price_version: str


@dataclass(slots=True)
class PriceBook:
    """Price lookups. Never blocks on the network; the first lookup imports a megabyte of tables (about 0.1 s).

    `overrides` maps a model name to prices, and wins over the package. A model nobody prices is logged once
    (`llm.model_unpriced`). A model served from an address the package does not know is not priced by its name alone:
    the same weights cost different money elsewhere, and nothing at home.
    """

    overrides: Mapping[str, TokenPrices] = field(default_factory=dict)
    _warned: set[ModelRef] = field(default_factory=set, init=False)

    def cost(self, ref: ModelRef, usage: Usage, at: datetime) -> Cost:
        """Return what `usage` costs at the prices valid at `at`. Raises nothing."""
        own = self.overrides.get(ref.model)
        if own is not None:
            return Cost(_own_nano(own, usage), _override_version(ref.model, own))
        return Cost(self._package_nano(ref, usage, at), _PACKAGE_VERSION)

    def _package_nano(self, ref: ModelRef, usage: Usage, at: datetime) -> int | None:
        if _is_unknown(usage):
            return None
        calculation = _calculate(ref, usage, at)
        if calculation is None:
            self._warn(ref)
            return None
        return _round(calculation.total_price * _NANO_PER_USD)

    def _warn(self, ref: ModelRef) -> None:
        if ref in self._warned:
            return
        self._warned.add(ref)
        _log.warning(
            "llm.model_unpriced", model=ref.model, base_url=ref.base_url, provider=ref.price_provider
        )


_PACKAGE_VERSION = f"genai-prices-{version('genai-prices')}"


def _override_version(model: str, prices: TokenPrices) -> str:
    digest = hashlib.sha256(f"{model}:{prices.model_dump_json()}".encode()).hexdigest()
    return f"override-{digest[:12]}"


def _is_unknown(usage: Usage) -> bool:
    return usage.input_uncached is None or usage.output is None


def _own_nano(prices: TokenPrices, usage: Usage) -> int | None:
    if usage.input_uncached is None or usage.output is None:
        return None
    read_price = prices.input if prices.cache_read is None else prices.cache_read
    write_price = prices.input if prices.cache_write is None else prices.cache_write
    per_mtok = (
        usage.input_uncached * prices.input
        + (usage.cache_read or 0) * read_price
        + (usage.cache_write or 0) * write_price
        + (usage.output + (usage.reasoning or 0)) * prices.output
    )
    return _round(per_mtok * _NANO_PER_MTOK_USD)


def _calculate(ref: ModelRef, usage: Usage, at: datetime) -> PriceCalculation | None:
    import genai_prices  # noqa: PLC0415 - with its tables 0.2 s, which only a call to a model needs

    tokens = _inclusive(usage)
    try:
        if ref.price_provider:
            found = genai_prices.calc_price(
                tokens, ref.model, provider_id=ref.price_provider, genai_request_timestamp=at
            )
        else:
            found = genai_prices.calc_price(
                tokens, ref.model, provider_api_url=ref.base_url, genai_request_timestamp=at
            )
    except LookupError:
        return None
    # A model that is listed without token prices would otherwise come out free.
    priced = found.model_price.input_mtok is not None and found.model_price.output_mtok is not None
    return found if priced else None


def _inclusive(usage: Usage) -> genai_prices.Usage:
    import genai_prices  # noqa: PLC0415 - see _calculate

    # genai-prices takes OpenAI's convention: input includes cached, and it prices cached tokens once, at their own price.
    read, write = usage.cache_read or 0, usage.cache_write or 0
    return genai_prices.Usage(
        input_tokens=(usage.input_uncached or 0) + read + write,
        cache_read_tokens=read,
        cache_write_tokens=write,
        output_tokens=(usage.output or 0) + (usage.reasoning or 0),
    )


def _round(nano: Decimal) -> int:
    return int(nano.to_integral_value(rounding=ROUND_HALF_UP))
