"""Token counts with disjoint keys, from what a provider tells or, when it tells nothing, by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.events.ledger import Usage

if TYPE_CHECKING:
    from langchain_core.messages.ai import UsageMetadata

__all__ = ["NOTHING", "estimate_tokens", "estimated_usage", "from_langchain"]

NOTHING = Usage(input_uncached=0, cache_read=0, cache_write=0, output=0, reasoning=0)
"""Known to be zero: nothing was sent, or the provider refused before it generated anything."""

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 8


def estimate_tokens(texts: Sequence[str]) -> int:
    """Return a number of tokens that errs high: one per three UTF-8 bytes, and eight per message.

    English prose runs at four to five bytes a token, JSON and log lines near three. No tokenizer is loaded:
    tiktoken fetches its vocabularies over the network, and other models than OpenAI's have other ones.
    """
    return sum(
        -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE for text in texts
    )


def estimated_usage(sent: Sequence[str], received: str) -> Usage:
    """Return the usage of a call that broke off: what was sent, and what had come back by then."""
    output = -(-len(received.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)
    return Usage(
        input_uncached=estimate_tokens(sent), cache_read=0, cache_write=0, output=output, reasoning=0
    )


def from_langchain(told: UsageMetadata) -> Usage:
    """Return disjoint counts. LangChain's (and OpenAI's) input includes cached, and output includes reasoning.

    Details that exceed their total (seen from proxies) are cut to it, so that no count is negative.
    """
    read, write = _take(
        told["input_tokens"],
        _detail(told.get("input_token_details"), "cache_read"),
        _detail(told.get("input_token_details"), "cache_creation"),
    )
    (reasoning,) = _take(told["output_tokens"], _detail(told.get("output_token_details"), "reasoning"))
    return Usage(
        input_uncached=told["input_tokens"] - read - write,
        cache_read=read,
        cache_write=write,
        output=told["output_tokens"] - reasoning,
        reasoning=reasoning,
    )


def _detail(details: Mapping[str, object] | None, name: str) -> int:
    # LangChain prefixes the keys with the service tier: "flex_cache_read".
    found = (value for key, value in (details or {}).items() if key == name or key.endswith(f"_{name}"))
    return sum(value for value in found if isinstance(value, int) and value > 0)


def _take(total: int, *parts: int) -> tuple[int, ...]:
    taken: list[int] = []
    for part in parts:
        taken.append(min(part, total - sum(taken)))
    return tuple(taken)
