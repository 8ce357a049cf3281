"""What the gateway asks of a provider. Imports no client: with no provider configured, none is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel, JsonValue

from agents.llm.json_schema import schema_text
from agents.llm.providers.config import ProviderConfig

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk
    from langchain_core.messages.ai import UsageMetadata

__all__ = ["ChatProvider", "Prompt", "Reception"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent: masked already."""

    system: str
    user: str
    output: type[BaseModel]
    max_output_tokens: int

    @property
    def texts(self) -> tuple[str, str, str]:
        """All that counts as input: both messages and the schema of the answer."""
        return self.system, self.user, schema_text(self.output)


@dataclass(slots=True)
class Reception:
    """What has come back so far. Filled while the answer arrives, so that a cut or cancelled call can be accounted."""

    pieces: list[str] = field(default_factory=list)
    tools: AIMessageChunk | None = None
    """The pieces of tool calls, joined as LangChain joins them."""
    whole_tools: list[str] = field(default_factory=list)
    """The same from a server that does not stream."""
    usage: UsageMetadata | None = None
    finish_reason: str | None = None
    refused: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def tool_arguments(self) -> list[str]:
        calls = self.tools.tool_call_chunks if self.tools is not None else []
        return self.whole_tools + [call["args"] or "" for call in calls]

    @property
    def everything(self) -> str:
        """All that was generated, for an estimate by length."""
        return self.text + "".join(self.tool_arguments)


class ChatProvider(Protocol):
    """One model at one address."""

    @property
    def config(self) -> ProviderConfig: ...

    async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
        """Return the JSON object the model answered; `reception` holds what was received, however this ends.

        Raises:
            AttemptFailure: and nothing else, but for cancellation.
        """

    async def aclose(self) -> None:
        """Close the connections."""
