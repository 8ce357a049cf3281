from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from structlog.testing import capture_logs

from agents.llm.prices import ModelRef, PriceBook, TokenPrices
from agents.llm.usage import NOTHING, estimate_tokens, estimated_usage, from_langchain
from schemas.events.ledger import Usage

AT = datetime(2026, 11, 1, tzinfo=UTC)
GPT_4O = ModelRef("gpt-4o", "https://api.openai.com/v1")


def use(plain: int = 0, read: int = 0, write: int = 0, output: int = 0, reasoning: int = 0) -> Usage:
    return Usage(input_uncached=plain, cache_read=read, cache_write=write, output=output, reasoning=reasoning)


@pytest.mark.parametrize(
    ("usage", "nano_usd"),
    [
        (use(plain=1_000_000), 2_500_000_000),
        (use(read=1_000_000), 1_250_000_000),
        (use(output=1_000_000), 10_000_000_000),
        (use(reasoning=1_000_000), 10_000_000_000),
        (use(plain=600, read=400, output=100, reasoning=20), 600 * 2500 + 400 * 1250 + 120 * 10_000),
        (NOTHING, 0),
    ],
)
def test_a_known_model_costs_what_its_list_says(usage: Usage, nano_usd: int) -> None:
    cost = PriceBook().cost(GPT_4O, usage, AT)
    assert cost.nano_usd == nano_usd
    assert cost.price_version.startswith("genai-prices-")


def test_the_address_decides_whose_price_it_is() -> None:
    usage = use(plain=1000)
    assert PriceBook().cost(ModelRef("gpt-4o", "http://localhost:11434/v1"), usage, AT).nano_usd is None
    assert PriceBook().cost(ModelRef("gpt-4o", "http://proxy/v1", "openai"), usage, AT).nano_usd == 2_500_000


def test_an_unknown_model_warns_once_and_is_none() -> None:
    book = PriceBook()
    with capture_logs() as logs:
        costs = [
            book.cost(ModelRef("no-such-model", "https://api.openai.com/v1"), use(plain=1), AT)
            for _ in range(3)
        ]
    assert [cost.nano_usd for cost in costs] == [None, None, None]
    assert [entry["event"] for entry in logs] == ["llm.model_unpriced"]


def test_a_model_listed_without_token_prices_is_not_free() -> None:
    assert PriceBook().cost(ModelRef("davinci", "", "azure"), use(plain=1000, output=10), AT).nano_usd is None


def test_unknown_tokens_have_no_price() -> None:
    assert PriceBook().cost(GPT_4O, Usage(), AT).nano_usd is None
    own = PriceBook({"m": TokenPrices(input=Decimal(1), output=Decimal(1))})
    assert own.cost(ModelRef("m", ""), Usage(output=3), AT).nano_usd is None


def test_the_operators_own_prices_win_and_have_their_own_version() -> None:
    book = PriceBook(
        {"gpt-4o": TokenPrices(input=Decimal("0.0375"), output=Decimal(2), cache_read=Decimal(0))}
    )
    cost = book.cost(GPT_4O, use(plain=100, read=900, write=100, output=10), AT)
    assert cost.nano_usd == 27_500  # 200 tokens at 37.5 nano-USD, 10 at 2000
    assert cost.price_version.startswith("override-")


def test_a_changed_override_is_another_version() -> None:
    versions = {
        PriceBook({"m": TokenPrices(input=Decimal(price), output=Decimal(1))}).cost(
            ModelRef("m", ""), NOTHING, AT
        )
        for price in (1, 2)
    }
    assert len({cost.price_version for cost in versions}) == 2


def test_what_a_provider_tells_becomes_disjoint() -> None:
    told = UsageMetadata(
        input_tokens=1000,
        output_tokens=200,
        total_tokens=1200,
        input_token_details=InputTokenDetails(cache_read=300, cache_creation=100),
        output_token_details=OutputTokenDetails(reasoning=150),
    )
    assert from_langchain(told) == use(plain=600, read=300, write=100, output=50, reasoning=150)


def test_a_service_tiers_prefix_does_not_hide_the_cache() -> None:
    told = UsageMetadata(input_tokens=10, output_tokens=1, total_tokens=11)
    told["input_token_details"] = InputTokenDetails(flex=6, flex_cache_read=4)  # type: ignore[typeddict-unknown-key]  # LangChain does
    assert from_langchain(told).cache_read == 4


def test_an_estimate_errs_high_on_ordinary_text() -> None:
    line = "2026-11-01T10:02:03Z INFO checkout order 8812 processed in 31 ms"
    assert estimate_tokens([line]) >= len(line) / 3
    assert estimated_usage([line], "ok").output == 1
