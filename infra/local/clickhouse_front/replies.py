"""Responses of ClickHouse's HTTP protocol, as ASGI messages."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from infra.local.clickhouse_front.compression import compressor
from infra.local.clickhouse_front.engine import Answer
from infra.local.clickhouse_front.errors import ClickHouseError, http_status

__all__ = [
    "OK",
    "Headers",
    "Reply",
    "Send",
    "answer_reply",
    "error_reply",
    "exception_block",
    "no_handle_reply",
    "send_piece",
    "send_reply",
    "send_start",
]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[str, str], ...]

_PLAIN: Final = ("content-type", "text/plain; charset=UTF-8")


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Headers
    body: bytes


OK: Final = Reply(200, (_PLAIN,), b"Ok.\n")


def answer_reply(answer: Answer, encoding: str | None) -> Reply:
    """A whole result; compressed where the client asked for it and there is something to compress."""
    summary = json.dumps({name: str(value) for name, value in asdict(answer.summary).items()})
    headers: Headers = (_PLAIN, ("x-clickhouse-summary", summary))
    if answer.format is not None:
        headers += (("x-clickhouse-format", answer.format),)
    if encoding is None or not answer.body:
        return Reply(200, headers, answer.body)
    packer = compressor(encoding)
    body = packer.compress(answer.body) + packer.flush()
    return Reply(200, (*headers, ("content-encoding", encoding)), body)


def error_reply(error: ClickHouseError, version: str) -> Reply:
    """The exception as text, its code as a header, the status ClickHouse gives that code."""
    status = http_status(error.code)
    headers: Headers = (_PLAIN, ("x-clickhouse-exception-code", str(error.code)))
    if status in {401, 403}:
        headers += (("www-authenticate", 'Basic realm="ClickHouse server HTTP API"'),)
    return Reply(status, headers, f"{error} (version {version} (embedded))\n".encode())


def exception_block(error: ClickHouseError, tag: str) -> bytes:
    """How ClickHouse (25.11 and later) says within a started body that the query failed."""
    message = f"{error}\n"
    return (
        f"\r\n__exception__\r\n{tag}\r\n{message}{len(message.encode())} {tag}\r\n__exception__\r\n".encode()
    )


def no_handle_reply(path: str) -> Reply:
    return Reply(404, (_PLAIN,), f"There is no handle {path}\n".encode())


async def send_start(send: Send, status: int, headers: Headers) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def send_reply(send: Send, reply: Reply, extra: Headers) -> None:
    length = ("content-length", str(len(reply.body)))
    await send_start(send, reply.status, (*reply.headers, *extra, length))
    await send_piece(send, reply.body, more=False)


async def send_piece(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
