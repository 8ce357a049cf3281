"""The outermost layer: one span, one log line and one measurement per request, and the one catch-all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.answers import answer_to
from api.ports import Deps
from schemas.metrics import API_REQUESTS, API_SECONDS

__all__ = ["Edge"]

_log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CLIENT_LEFT: Final = 499
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})


class Edge:
    """ASGI middleware. A caller's X-Request-Id is kept where it is plain, and given back."""

    def __init__(self, app: ASGIApp, deps: Deps) -> None:
        self._app = app
        self._deps = deps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _plain(headers.get("x-request-id", "")) or self._deps.ids.new("req")
        came_with = headers.get("traceparent", "")
        parent = came_with if _TRACEPARENT.fullmatch(came_with) else ""
        with (
            self._deps.tracer.span(scope["method"], parent) as traceparent,
            structlog.contextvars.bound_contextvars(request_id=request_id, trace=traceparent[3:35]),
        ):
            state = scope.setdefault("state", {})
            state |= {"request_id": request_id, "traceparent": traceparent}
            await self._serve(scope, receive, _Sent(send, request_id))

    async def _serve(self, scope: Scope, receive: Receive, sent: _Sent) -> None:
        started = self._deps.clock.monotonic()
        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            sent.status = sent.status or _CLIENT_LEFT
        except Exception as error:  # the edge: whatever was not answered inside is answered here
            response = answer_to(HTTPConnection(scope), error)
            if sent.status:
                raise
            await response(scope, receive, sent)
        finally:
            self._tell(scope, sent.status or _CLIENT_LEFT, self._deps.clock.monotonic() - started)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        method = _method(scope["method"])
        recorder = self._deps.recorder
        recorder.count(API_REQUESTS, route=route, method=method, status=f"{status // 100}xx")
        recorder.observe(API_SECONDS, seconds, route=route, method=method)
        told = _log.debug if route in _QUIET else _log.info
        principal = scope["state"].get("principal")
        told(
            "request",
            route=route,
            method=method,
            status=status,
            ms=round(seconds * 1000, 1),
            tenant=principal.tenant if principal else "",
            principal=principal.name if principal else "",
        )


@dataclass(slots=True)
class _Sent:
    """Passes on what is sent, with the request's id, and remembers the status; 0 before anything was sent."""

    send: Send
    request_id: str
    status: int = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cache-Control", "no-store")
        await self.send(message)


def _plain(text: str) -> str:
    return text if _REQUEST_ID.fullmatch(text) else ""


def _method(method: str) -> str:
    """Bound the label: a caller may send any method."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
