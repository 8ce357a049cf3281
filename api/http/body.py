"""How much a request may bring: bytes counted as they come, and how deep JSON may nest."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Message, Receive

from api.http.problem import Problem

__all__ = ["JsonRequest", "check_depth", "limited", "require_json"]

_JSON_TYPES: Final = ("application/json", "+json")


def limited(headers: Headers, receive: Receive, most: int) -> Receive:
    """Return a `receive` that raises a 413 problem once more than `most` bytes have come.

    A length that is told and too large is refused before anything is read.
    """
    told = headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return counted


def _too_large(most: int) -> Problem:
    return Problem(
        413,
        "too-large",
        f"The body has more than {most} bytes.",
        cure="Send smaller batches.",
        headers={"Connection": "close"},
    )


class JsonRequest(Request):
    """Reads JSON with orjson, and refuses what nests deeper than the limit."""

    max_depth: int = 32

    async def json(self) -> Any:
        """Return the body's value. Raises Problem, orjson.JSONDecodeError (a json.JSONDecodeError)."""
        value = orjson.loads(await self.body())
        check_depth(value, self.max_depth)
        return value


def check_depth(value: object, limit: int) -> None:
    """Raise a 422 problem where lists and objects nest deeper than `limit`. Looks at each container once."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        if not level:
            return
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
    if level:
        raise Problem(422, "too-deep", f"The JSON nests deeper than {limit} levels.")


def require_json(request: Request) -> None:
    """Raise a 415 problem where a body is there that does not call itself JSON."""
    if request.headers.get("content-length") == "0":
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and not media_type.endswith(_JSON_TYPES):
        raise _unsupported(f"The body is {media_type}, not application/json.")
    if not media_type and ("content-length" in request.headers or "transfer-encoding" in request.headers):
        raise _unsupported("The body does not say what it is.")


def _unsupported(detail: str) -> Problem:
    return Problem(
        415,
        "unsupported-media-type",
        detail,
        cure="Send JSON with `Content-Type: application/json`.",
        headers={"Accept": "application/json"},
    )
