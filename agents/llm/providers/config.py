"""What a provider is, as its operator names it. Nothing here or below is read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from pydantic import SecretStr

from agents.llm.prices import ModelRef

__all__ = ["ProviderConfig", "StructuredMethod"]


class StructuredMethod(StrEnum):
    """How a server is asked for output of a given shape."""

    JSON_SCHEMA = "json_schema"
    FUNCTION_CALLING = "function_calling"
    JSON_MODE = "json_mode"


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """Any OpenAI-compatible endpoint: OpenAI, Azure's `/openai/v1/`, vLLM, Ollama, a proxy."""

    name: str
    """Unique among the providers of a gateway; appears in ledger, logs and metrics."""
    base_url: str
    """Up to and including `/v1`."""
    api_key: SecretStr
    """Servers that want none get any text."""
    model: str
    price_provider: str = ""
    """An id of genai-prices; empty to find it by `base_url`."""
    timeout_s: float = 60.0
    """For one attempt as a whole, from the connection to the last byte."""
    connect_timeout_s: float = 5.0
    chunk_timeout_s: float = 30.0
    """The longest silence between two pieces of an answer."""
    max_concurrency: int = 4
    temperature: float | None = None
    """None: the server's own. Reasoning models refuse any other."""
    limit_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    """`max_tokens` for servers that only know the old name: they ignore the new one, and then nothing bounds the answer."""
    thinking_tokens: int = 0
    """Added to every role's limit, and held in the budget: what a reasoning model may think before it answers."""
    streaming: bool = True
    """False for servers that cannot stream."""
    methods: tuple[StructuredMethod, ...] = tuple(StructuredMethod)
    """In order of preference; the next is taken when the server refuses one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str | None = None

    @property
    def price_ref(self) -> ModelRef:
        return ModelRef(self.model, self.base_url, self.price_provider)
