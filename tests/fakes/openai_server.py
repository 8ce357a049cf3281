"""A scripted OpenAI-compatible server: real HTTP on a random port, answers decided by a script.

What tests against it show: that our client, retry, accounting and masking do the right thing with the bytes of the
OpenAI chat-completions protocol, for the endings scripted here. What they do not show: that a real model answers well,
that a given vendor's server emits exactly these bytes, or what a vendor bills for a broken call.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, assert_never

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

__all__ = [
    "Answer",
    "CutStream",
    "Garbage",
    "Held",
    "ModelText",
    "OpenAiServer",
    "Recorded",
    "Script",
    "Status",
    "StreamError",
    "ToolCall",
    "UsageNumbers",
    "start_openai_server",
    "structured",
]


@dataclass(frozen=True, slots=True)
class UsageNumbers:
    """As OpenAI tells them: `prompt` includes `cached`, `completion` includes `reasoning`."""

    prompt: int = 100
    completion: int = 20
    cached: int = 0
    reasoning: int = 0

    def body(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {"cached_tokens": self.cached},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


@dataclass(frozen=True, slots=True)
class ModelText:
    """The model says this. `usage` None: the server never tells."""

    text: str
    usage: UsageNumbers | None = UsageNumbers()
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls the tool the request forces, with these arguments."""

    arguments: Mapping[str, Any]
    usage: UsageNumbers | None = UsageNumbers()


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP error in OpenAI's form."""

    status: int
    message: str = "scripted"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CutStream:
    """The text begins, and the connection is dropped (`abrupt`), or closed as if all were well."""

    text: str
    abrupt: bool = True
    usage_first: UsageNumbers | None = None
    """A usage chunk that arrived before the cut."""


@dataclass(frozen=True, slots=True)
class StreamError:
    """The text begins, then an error event comes inside the stream (200 has long been sent)."""

    text: str
    message: str = "scripted failure inside the stream"


@dataclass(frozen=True, slots=True)
class Garbage:
    """200 with a body that is no completion."""

    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Held:
    """No byte until `release` is set (or for ever, when None), then what `then` says."""

    then: Answer | None = None
    release: threading.Event | None = None


Answer = ModelText | ToolCall | Status | CutStream | StreamError | Garbage | Held


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.raw)
        return loaded

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))


Script = Sequence[Answer] | Callable[[Recorded], Answer]
"""Answers in order (a request beyond them gets 599), or a function of the request."""


def structured(value: object, usage: UsageNumbers | None = UsageNumbers()) -> ModelText:
    """Return the answer of a model that was held to a JSON schema."""
    return ModelText(json.dumps(value), usage)


@dataclass(slots=True)
class OpenAiServer:
    """A running server. `requests` grows as they arrive, `gone` as clients hang up on held answers."""

    script: Script
    models: tuple[str, ...] = ("scripted-model",)
    port: int = 0
    requests: list[Recorded] = field(default_factory=list)
    gone: int = 0
    hits: int = 0
    """All requests, those to unknown paths too."""
    _next: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def list_models(self, request: Request) -> Response:
        data = [{"id": name, "object": "model", "owned_by": "script"} for name in self.models]
        return JSONResponse({"object": "list", "data": data})

    async def complete(self, request: Request) -> Response:
        recorded = Recorded(request.url.path, dict(request.headers), await request.body())
        self.requests.append(recorded)
        return await self._respond(self._decide(recorded), recorded, request)

    def _decide(self, recorded: Recorded) -> Answer:
        if callable(self.script):
            return self.script(recorded)
        position, self._next = self._next, self._next + 1
        if position < len(self.script):
            return self.script[position]
        return Status(599, f"the script has {len(self.script)} answers, this is request {position + 1}")

    async def _respond(self, answer: Answer, recorded: Recorded, request: Request) -> Response:
        match answer:
            case Status(status, message, code, headers):
                error = {"error": {"message": message, "type": "scripted", "code": code}}
                return JSONResponse(error, status, headers)
            case Garbage(body, content_type):
                return Response(body, media_type=content_type)
            case Held(then, release):
                await self._hold(release, request)
                return await self._respond(then or Status(599, "held for ever"), recorded, request)
            case ModelText() | ToolCall() | CutStream() | StreamError():
                return _completion(answer, recorded)
            case _:
                assert_never(answer)

    async def _hold(self, release: threading.Event | None, request: Request) -> None:
        while release is None or not release.is_set():
            if await request.is_disconnected():
                self.gone += 1
                return
            await asyncio.sleep(0.01)


_Spoken = ModelText | ToolCall | CutStream | StreamError


def _completion(answer: _Spoken, recorded: Recorded) -> Response:
    if recorded.streams:
        return StreamingResponse(_events(answer, recorded.body), media_type="text/event-stream")
    if isinstance(answer, CutStream | StreamError):
        return Response(b'{"id": "chatcmpl-1", "cho', media_type="application/json")
    message, finish_reason = _message(answer, recorded.body)
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    usage = answer.usage.body() if answer.usage else None
    return JSONResponse(_envelope("chat.completion", recorded.body, [choice], usage))


def _message(answer: ModelText | ToolCall, body: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    if isinstance(answer, ModelText):
        return {"content": answer.text}, answer.finish_reason
    call = {"id": "call_1", "type": "function", "function": _function(body, json.dumps(answer.arguments))}
    return {"content": None, "tool_calls": [call]}, "tool_calls"


def _function(body: Mapping[str, Any], arguments: str) -> dict[str, str]:
    return {"name": body["tool_choice"]["function"]["name"], "arguments": arguments}


def _envelope(kind: str, body: Mapping[str, Any], choices: list[Any], usage: Any = None) -> dict[str, Any]:
    made = {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"], "choices": choices}
    return {**made, "usage": usage} if usage is not None else made


async def _events(answer: _Spoken, body: Mapping[str, Any]) -> AsyncIterator[bytes]:
    yield _delta(body, {"role": "assistant", "content": ""})
    match answer:
        case ModelText(text, usage, finish_reason):
            for piece in _pieces(text):
                yield _delta(body, {"content": piece})
            yield _delta(body, {}, finish_reason) + _usage(body, usage) + _DONE
        case ToolCall(arguments, usage):
            for call in _tool_deltas(body, arguments):
                yield _delta(body, {"tool_calls": [call]})
            yield _delta(body, {}, "tool_calls") + _usage(body, usage) + _DONE
        case CutStream(text, abrupt, usage_first):
            yield _usage(body, usage_first)
            for piece in _pieces(text):
                yield _delta(body, {"content": piece})
            if abrupt:
                raise _CutError
        case StreamError(text, message):
            yield _delta(body, {"content": text}) + _sse({"error": {"message": message, "type": "scripted"}})
        case _:
            assert_never(answer)


_DONE = b"data: [DONE]\n\n"


def _delta(body: Mapping[str, Any], delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _sse(_envelope("chat.completion.chunk", body, [choice]))


def _usage(body: Mapping[str, Any], usage: UsageNumbers | None) -> bytes:
    # Like OpenAI, only to a client that asked for it.
    if usage is None or not body.get("stream_options", {}).get("include_usage"):
        return b""
    return _sse(_envelope("chat.completion.chunk", body, [], usage.body()))


def _tool_deltas(body: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"index": 0, "id": "call_1", "type": "function", "function": _function(body, "")}
    for piece in _pieces(json.dumps(arguments)):
        yield {"index": 0, "function": {"arguments": piece}}


class _CutError(Exception):
    """Makes uvicorn drop the connection in the middle of a chunked body."""


def _sse(value: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _pieces(text: str, size: int = 7) -> Iterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


@contextmanager
def start_openai_server(
    script: Script, *, models: Sequence[str] = ("scripted-model",), port: int = 0
) -> Iterator[OpenAiServer]:
    """Serve in a thread of its own until the block ends; held answers are dropped then. Port 0 is any free one."""
    listening = socket.create_server(("127.0.0.1", port))
    state = OpenAiServer(script, tuple(models), listening.getsockname()[1])
    routes = [
        Route("/v1/chat/completions", state.complete, methods=["POST"]),
        Route("/v1/models", state.list_models),
    ]
    app = Starlette(routes=routes)

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        state.hits += 1
        await app(scope, receive, send)

    config = uvicorn.Config(
        counted, log_config=None, lifespan="off", timeout_graceful_shutdown=0, loop="asyncio"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
