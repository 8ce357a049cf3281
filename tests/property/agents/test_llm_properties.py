from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

from agents.llm.budget import InMemoryBudget
from agents.llm.fence import fence_evidence
from agents.llm.masking import MaskingSession
from agents.llm.prices import ModelRef, PriceBook, TokenPrices
from agents.llm.usage import estimated_usage, from_langchain
from schemas.errors import BudgetExceededError
from schemas.events.ledger import Usage

AT = datetime(2026, 11, 1, tzinfo=UTC)

tokens = st.integers(0, 2_000_000)
usages = st.builds(
    Usage, input_uncached=tokens, cache_read=tokens, cache_write=tokens, output=tokens, reasoning=tokens
)
prices = st.decimals(0, 100, places=4)
tables = st.builds(
    TokenPrices, input=prices, output=prices, cache_read=st.none() | prices, cache_write=st.none() | prices
)

fragments = st.sampled_from(
    [
        "<EMAIL_1>", "<", ">", "EMAIL_", "_1>", "<IPV4_", "<LITERAL_1>", "a@b.de", "10.0.0.1", "::1", "password=",
        "token: ", '"', "'", "\\", "4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32", "Bearer abcdef1234567",
        "Authorization: ", "Cookie: a", "://u:p@h", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----",
        "+49 170 1234567", "AKIAIOSFODNN7EXAMPLE", "\n", " ", "é", "😀", "\ud800",
    ]
)  # fmt: skip
any_text = st.text(st.characters(), max_size=60)
mixed = st.lists(fragments | any_text, max_size=12).map("".join)


@given(mixed)
@settings(max_examples=400)
def test_masking_round_trips_for_all_text(text: str) -> None:
    session = MaskingSession()
    found = session.unmask(session.mask(text))
    assert found.value == text
    assert found.invented == 0


@given(st.lists(mixed, min_size=2, max_size=4))
def test_one_session_round_trips_several_texts(texts: list[str]) -> None:
    session = MaskingSession()
    hidden = [session.mask(text) for text in texts]
    assert [session.unmask(text).value for text in hidden] == texts
    assert session.unmask_json(list(hidden)).value == texts


@given(mixed, st.emails(domains=st.just("example.com")))
def test_a_mail_address_on_its_own_never_leaves(text: str, address: str) -> None:
    local = address.partition("@")[0]
    if not local.isascii() or not local.replace(".", "").isalnum():
        return
    assert address not in MaskingSession().mask(f"{text} {address} ")


@given(st.lists(mixed, max_size=5))
def test_no_text_opens_or_closes_a_fence(texts: list[str]) -> None:
    block = fence_evidence([(f"ev_{n}", text) for n, text in enumerate(texts)])
    assert block.count("<<<") == len(texts)
    assert block.count(">>>") == len(texts)


@given(usages, tables)
def test_cost_is_the_exact_sum_to_the_nearest_nano(usage: Usage, table: TokenPrices) -> None:
    cost = PriceBook({"m": table}).cost(ModelRef("m", ""), usage, AT).nano_usd
    read = table.input if table.cache_read is None else table.cache_read
    write = table.input if table.cache_write is None else table.cache_write
    assert usage.input_uncached is not None
    assert usage.cache_read is not None
    assert usage.cache_write is not None
    assert usage.output is not None
    assert usage.reasoning is not None
    exact = Decimal(1000) * (
        usage.input_uncached * table.input
        + usage.cache_read * read
        + usage.cache_write * write
        + (usage.output + usage.reasoning) * table.output
    )
    assert isinstance(cost, int)
    assert abs(cost - exact) <= Decimal("0.5")


@given(usages)
def test_the_packages_prices_add_up_over_disjoint_kinds(usage: Usage) -> None:
    book, ref = PriceBook(), ModelRef("gpt-4o", "https://api.openai.com/v1")
    whole = book.cost(ref, usage, AT).nano_usd
    empty = Usage(input_uncached=0, output=0)
    parts = [
        book.cost(ref, empty.model_copy(update={kind: count}), AT).nano_usd
        for kind, count in usage.model_dump().items()
    ]
    # gpt-4o's prices are whole nano-USD per token, so nothing is rounded.
    assert whole == sum(part or 0 for part in parts)


@given(tokens, tokens)
def test_cached_input_is_not_paid_twice(plain: int, read: int) -> None:
    book, ref = PriceBook(), ModelRef("gpt-4o", "https://api.openai.com/v1")
    cached = book.cost(ref, Usage(input_uncached=plain, cache_read=read, output=0), AT).nano_usd
    assert cached == plain * 2500 + read * 1250


@given(*[st.integers(0, 10_000)] * 5)
def test_told_usage_is_disjoint_never_negative_and_complete(
    told: int, read: int, write: int, output: int, reasoning: int
) -> None:
    usage = from_langchain(
        UsageMetadata(
            input_tokens=told,
            output_tokens=output,
            total_tokens=told + output,
            input_token_details=InputTokenDetails(cache_read=read, cache_creation=write),
            output_token_details=OutputTokenDetails(reasoning=reasoning),
        )
    )
    counts = usage.model_dump()
    assert min(counts.values()) >= 0
    assert counts["input_uncached"] + counts["cache_read"] + counts["cache_write"] == told
    assert counts["output"] + counts["reasoning"] == output


@given(st.lists(any_text, max_size=3), any_text, any_text)
def test_an_estimate_grows_with_what_was_received(sent: list[str], received: str, more: str) -> None:
    before, after = estimated_usage(sent, received), estimated_usage(sent, received + more)
    assert (after.output or 0) >= (before.output or 0)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), max_size=30))
def test_held_and_spent_never_exceed_the_limit_while_nobody_overspends(
    steps: list[tuple[int, int, bool]],
) -> None:
    async def run() -> None:
        budget = InMemoryBudget({"t": 100})
        for number, (wanted, spent, settle) in enumerate(steps):
            try:
                await budget.reserve(("t",), wanted, f"k{number}")
            except BudgetExceededError:
                continue
            if settle:
                await budget.settle(("t",), min(spent, wanted), f"k{number}")
                await budget.settle(("t",), 999, f"k{number}")
            assert 0 <= budget.spent("t") + budget.held("t") <= 100

    asyncio.run(run())


beside = st.sampled_from(["", " ", "(", "[", ",", "=", '"', "\n", "; "])
after = st.sampled_from(["", " ", ")", "]", ",", '"', "\n", "; "])


@given(beside, st.ip_addresses(v=4), after)
def test_every_ipv4_address_is_hidden(before: str, address: object, behind: str) -> None:
    assert str(address) not in MaskingSession().mask(f"{before}{address}{behind}")


@given(beside, st.ip_addresses(v=6), after)
def test_every_ipv6_address_is_hidden(before: str, address: object, behind: str) -> None:
    text = str(address)
    if any(char.isdigit() for char in text):
        assert text not in MaskingSession().mask(f"{before}{text}{behind}")


@given(beside, st.from_regex(r"[45][1-5][0-9]{13}", fullmatch=True), after, st.sampled_from(["", " ", "-"]))
def test_every_card_number_with_its_check_digit_is_hidden(
    before: str, digits: str, behind: str, separator: str
) -> None:
    doubled = sum(int(digit) * 2 - 9 * (int(digit) > 4) for digit in digits[0::2])
    check = -(doubled + sum(int(digit) for digit in digits[1::2])) % 10
    whole = f"{digits}{check}"
    card = separator.join(whole[start : start + 4] for start in range(0, 16, 4))
    assert card not in MaskingSession().mask(f"{before}{card}{behind}")


@given(beside, st.integers(0, 10**18 - 1), after)
def test_every_german_iban_with_its_check_digits_is_hidden(before: str, account: int, behind: str) -> None:
    bban = f"{account:018d}"
    check = 98 - int(f"{bban}131400") % 97
    iban = f"DE{check:02d}{bban}"
    assert iban not in MaskingSession().mask(f"{before}{iban}{behind}")


@given(
    st.sampled_from(
        ["password", "DB_PASSWORD", "clientSecret", "api-key", "x.token", "aws_secret_access_key"]
    ),
    st.sampled_from(["=", ": ", ' = "', '":"']),
    st.from_regex(r"[A-Za-z0-9/+]{8,40}", fullmatch=True),
)
def test_every_assigned_secret_is_hidden(name: str, sign: str, value: str) -> None:
    closing = '"' if sign.endswith('"') else ""
    hidden = MaskingSession().mask(f"a {name}{sign}{value}{closing} b")
    if value.lower() not in {"required", "undefined"}:
        assert value not in hidden
    assert hidden.startswith("a ")
    assert hidden.endswith(" b")
