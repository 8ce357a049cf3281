"""Before any body is read: who is it, are they within their rate, is the body within its size."""

from __future__ import annotations

import base64
import math
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.body import limited
from api.http.problem import Problem
from api.options import ApiOptions
from api.ports import Deps, RateVerdict
from schemas.access import Principal

__all__ = ["Gate"]

_OPEN: Final = frozenset({"/health", "/ready"})
_MORE_WITH_A_KEY: Final = frozenset({"/health/detailed"})
"""Open too, but telling more to whom it may."""
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="tocsin"'}


class Gate:
    """ASGI middleware: everything but health wants a key, also what does not exist."""

    def __init__(self, app: ASGIApp, deps: Deps, options: ApiOptions) -> None:
        self._app = app
        self._deps = deps
        self._options = options

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        principal = await self._principal(scope["path"], headers)
        if principal is None:
            await self._app(scope, limited(headers, receive, self._options.max_body), send)
            return
        scope["state"]["principal"] = principal
        with structlog.contextvars.bound_contextvars(tenant=principal.tenant):
            verdict = await self._deps.limiter.take(principal)
            _refuse_over_limit(verdict)
            passed = limited(headers, receive, self._options.max_body)
            await self._app(scope, passed, _with_rate(send, verdict))

    async def _principal(self, path: str, headers: Headers) -> Principal | None:
        if path in _OPEN:
            return None
        credential = _credential(headers)
        if not credential and path in _MORE_WITH_A_KEY:
            return None
        principal = await self._deps.authenticator.authenticate(credential) if credential else None
        if principal is None:
            detail = "The key is not valid." if credential else "A key is needed."
            cure = "Send `Authorization: Bearer <key>` or `X-API-Key: <key>`; `tocsin keys create` makes one."
            raise Problem(401, "unauthenticated", detail, cure=cure, headers=_CHALLENGE)
        return principal


def _credential(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    if scheme.lower() == "basic":
        return _password(token)
    return headers.get("x-api-key", "").strip()


def _password(token: str) -> str:
    """Return the key of a client that only knows user and password (RFC 7617), such as the Avro clients: the password."""
    try:
        user, _, password = base64.b64decode(token.strip(), validate=True).decode().partition(":")
    except ValueError:
        return ""
    return password or user


def _refuse_over_limit(verdict: RateVerdict) -> None:
    if verdict.allowed:
        return
    wait = max(1, math.ceil(verdict.retry_after_s))
    raise Problem(
        429,
        "rate-limited",
        f"More than {verdict.limit} requests in {verdict.window_s} s.",
        cure=f"Wait {wait} s, and send fewer requests: most senders can batch.",
        headers={"Retry-After": str(wait), **_rate_headers(verdict)},
    )


def _with_rate(send: Send, verdict: RateVerdict) -> Send:
    async def pass_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(_rate_headers(verdict))
        await send(message)

    return pass_on


def _rate_headers(verdict: RateVerdict) -> dict[str, str]:
    """RateLimit header fields as in draft-ietf-httpapi-ratelimit-headers."""
    rest = f'"key";r={verdict.remaining};t={math.ceil(verdict.retry_after_s) or 1}'
    return {"RateLimit-Policy": f'"key";q={verdict.limit};w={verdict.window_s}', "RateLimit": rest}
