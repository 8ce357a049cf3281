"""One OpenAI-compatible provider over ChatOpenAI: one request, no retry, no fallback, everything received is metered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import openai
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from langsmith.run_helpers import tracing_context
from pydantic import JsonValue

from agents.llm.failures import (
    BadRequest,
    ContentRefused,
    OutputTruncated,
    StreamCut,
    Unsupported,
)
from agents.llm.ports import Clock
from agents.llm.providers.config import ProviderConfig, StructuredMethod
from agents.llm.providers.provider import Prompt, Reception
from agents.llm.providers.structured import Ask, ask_for, read_json
from agents.llm.providers.translate import translate

__all__ = ["OpenAiChat"]


class OpenAiChat:
    """`ChatProvider` over langchain-openai. Owns its HTTP client: close it.

    Which structured-output method the server understands is learnt once and remembered. Nothing is taken from the
    environment: not the proxy, not a header, and LangSmith tracing is off, so that only the provider gets the prompt.
    """

    def __init__(self, config: ProviderConfig, clock: Clock) -> None:
        self.config = config
        self._clock = clock
        self._methods = list(config.methods)
        self._http = openai.DefaultAsyncHttpxClient(
            trust_env=False,
            proxy=config.proxy,
            follow_redirects=False,
            timeout=_timeout(config),
            event_hooks={"request": [_HeadersOf(config)]},
        )
        self._model = self._chat_openai()

    def _chat_openai(self) -> ChatOpenAI:
        config = self.config

        # An async key keeps ChatOpenAI from building a second, synchronous client.
        async def api_key() -> str:
            return config.api_key.get_secret_value()

        return ChatOpenAI(
            model_name=config.model,
            openai_api_base=config.base_url,
            openai_api_key=api_key,
            openai_proxy=None,
            max_retries=0,
            stream_usage=True,
            use_responses_api=False,
            request_timeout=_timeout(config),
            stream_chunk_timeout=config.chunk_timeout_s,
            temperature=config.temperature,
            default_headers=dict(config.headers),
            http_async_client=self._http,
        )

    async def complete(self, prompt: Prompt, reception: Reception) -> JsonValue:
        """Ask once. Bounded by `timeout_s` as a whole; see `ChatProvider`."""
        method = self._methods[0]
        try:
            async with asyncio.timeout(self.config.timeout_s):
                await self._receive(prompt, method, reception)
            return _answer(reception)
        except Exception as error:
            raise self._learn(translate(error, self._clock.now()), method) from error

    async def _receive(self, prompt: Prompt, method: StructuredMethod, reception: Reception) -> None:
        ask = ask_for(prompt.output, method)
        messages: list[BaseMessage] = [
            SystemMessage(_sendable(prompt.system + ask.system_suffix)),
            HumanMessage(_sendable(prompt.user)),
        ]
        arguments = self._arguments(ask, prompt.max_output_tokens + self.config.thinking_tokens)
        with tracing_context(enabled=False):
            if not self.config.streaming:
                _take(reception, await self._model.ainvoke(messages, **arguments))
                return
            stream: AsyncIterator[AIMessageChunk] = self._model.astream(messages, **arguments)
            async with aclosing(stream):  # type: ignore[type-var]  # an async generator behind the wider type
                async for chunk in stream:
                    _take(reception, chunk)

    def _arguments(self, ask: Ask, max_output_tokens: int) -> dict[str, Any]:
        body = dict(ask.body)
        arguments = dict(ask.arguments)
        if self.config.limit_field == "max_tokens":
            body["max_tokens"] = max_output_tokens
        else:
            arguments["max_tokens"] = max_output_tokens
        return {**arguments, "extra_body": body or None}

    def _learn(self, failure: Exception, method: StructuredMethod) -> Exception:
        if not isinstance(failure, Unsupported):
            return failure
        if self._methods[0] is method and len(self._methods) > 1:
            self._methods.pop(0)
        # A call that ran beside the one that taught us may simply try again.
        return BadRequest(str(failure)) if self._methods[0] is method else failure

    async def aclose(self) -> None:
        await self._http.aclose()


_HEADERS = frozenset(
    {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "content-type",
        "content-length",
        "x-stainless-raw-response",  # how the openai package tells itself what to return; a constant
    }
)


@dataclass(frozen=True, slots=True)
class _HeadersOf:
    """Lets out only the headers that the protocol needs and the operator named.

    The openai package adds what it finds in the environment (organization, project, any custom header) and about the machine.
    """

    config: ProviderConfig

    async def __call__(self, request: _Request) -> None:
        named = {name.lower(): value for name, value in self.config.headers.items()}
        for name in set(request.headers) - _HEADERS - set(named):
            del request.headers[name]
        request.headers["authorization"] = f"Bearer {self.config.api_key.get_secret_value()}"
        for name, value in named.items():
            request.headers[name] = value


class _Request(Protocol):
    """A request of whichever HTTP client the openai package runs on."""

    @property
    def headers(self) -> MutableMapping[str, str]: ...


def _timeout(config: ProviderConfig) -> openai.Timeout:
    return openai.Timeout(config.timeout_s, connect=config.connect_timeout_s)


def _sendable(text: str) -> str:
    # A lone surrogate cannot be encoded; one bad log line must not fail the call.
    return text.encode("utf-8", "replace").decode("utf-8")


def _take(reception: Reception, message: AIMessage) -> None:
    reception.pieces.append(message.text)
    if isinstance(message, AIMessageChunk):
        if message.tool_call_chunks:
            reception.tools = message if reception.tools is None else reception.tools + message
    else:
        reception.whole_tools += [json.dumps(call["args"]) for call in message.tool_calls]
    reception.usage = message.usage_metadata or reception.usage
    reception.finish_reason = message.response_metadata.get("finish_reason") or reception.finish_reason
    reception.refused = reception.refused or bool(message.additional_kwargs.get("refusal"))


def _answer(reception: Reception) -> JsonValue:
    match reception.finish_reason:
        case None:
            raise StreamCut("the stream ended before the answer did")
        case "length":
            raise OutputTruncated("the answer hit the token limit")
        case "content_filter":
            raise ContentRefused("the provider's filter stopped the answer")
        case _ if reception.refused:
            raise ContentRefused("the model refused to answer")
        case _:
            return read_json(reception.text, reception.tool_arguments)
