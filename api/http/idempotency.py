"""Idempotency-Key: a request that creates something may be sent again without creating it again.

The first answer is given again for a day. See draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, assert_never

from fastapi import Header
from starlette.requests import Request
from starlette.responses import Response

from api.http.deps import deps_of
from api.http.principal import principal_of
from api.http.problem import FieldProblem, Problem
from api.ports import Replay, Reserved, StillRunning, StoredResponse
from schemas import ids

__all__ = ["HEADER", "KEY_PATTERN", "MEANING", "IdempotencyKey", "answer_once", "name_for"]

HEADER: Final = "Idempotency-Key"

KEY_PATTERN: Final = r"^[\x21-\x7e]+$"
MEANING: Final = (
    "Names this request: sent again with the same key within a day, the first answer is given again."
)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=255,
        pattern=KEY_PATTERN,
        description=MEANING,
    ),
]
"""What a creating handler writes in its signature."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT: Final = ("etag", "location")


async def answer_once(request: Request, handle: Callable[[], Awaitable[Response]]) -> Response:
    """Answer a request that creates something: without a key always anew, with one only the first time.

    Raises:
        Problem: 409 while the first is at work, 422 when the key came with another request before.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return await handle()
    if not _KEY.fullmatch(key):
        fault = FieldProblem(parameter=HEADER, detail="1 to 255 printable ASCII characters without spaces")
        raise Problem(422, "invalid-request", "The key cannot be used.", errors=[fault])
    tenant, store = principal_of(request).tenant, deps_of(request).idempotency
    fingerprint = _fingerprint(request, await request.body())
    found = await store.reserve(tenant, key, fingerprint)
    match found:
        case Reserved():
            return await _first(request, handle, key, fingerprint)
        case StillRunning(same=same) | Replay(same=same) if not same:
            raise Problem(422, "idempotency-key-reused", "This key came with another request before.")
        case StillRunning():
            raise Problem(
                409,
                "request-in-progress",
                "The first request with this key is still at work.",
                headers={"Retry-After": "1"},
            )
        case Replay(response=response):
            headers = {**response.headers, "Idempotency-Replayed": "true"}
            return Response(response.body, response.status, headers, response.media_type)
        case _:
            assert_never(found)


async def _first(
    request: Request, handle: Callable[[], Awaitable[Response]], key: str, fingerprint: str
) -> Response:
    tenant, store = principal_of(request).tenant, deps_of(request).idempotency
    kept = False
    try:
        response = await handle()
        if 200 <= response.status_code < 300:
            await store.keep(tenant, key, fingerprint, _stored(response))
            kept = True
    finally:
        if not kept:
            await store.release(tenant, key, fingerprint)
    return response


def _stored(response: Response) -> StoredResponse:
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    media_type = response.headers.get("content-type", "application/json")
    return StoredResponse(response.status_code, media_type, headers, bytes(response.body))


def _fingerprint(request: Request, body: bytes) -> str:
    digest = hashlib.sha256()
    for part in (
        request.method,
        request.url.path,
        request.url.query,
        request.headers.get("content-type", ""),
    ):
        digest.update(part.encode() + b"\0")
    digest.update(body)
    return digest.hexdigest()


def name_for(prefix: str, tenant: str, key: str | None, otherwise: Callable[[str], str]) -> str:
    """Return the id of what a request creates: a function of the key, where there is one, else a new one.

    So a repeat names the same thing even after the store has forgotten the key.
    """
    return ids.stable_id(prefix, tenant, key) if key else otherwise(prefix)
