"""Which methods an address takes (RFC 9110, 10.2.1): a framework tells only those of the first route that it meets."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.routing import Match
from starlette.types import Scope

__all__ = ["allowed"]

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def allowed(connection: HTTPConnection) -> str:
    """Return the value of `Allow` for the address that was asked: every method for which there is a route."""
    return ", ".join(method for method in _METHODS if _takes(connection, method))


def _takes(connection: HTTPConnection, method: str) -> bool:
    asked = connection.scope
    same = {name: asked[name] for name in ("type", "path", "root_path", "headers") if name in asked}
    # Each is asked of a scope of its own: matching writes into it.
    return any(route.matches(_scope(same, method))[0] is Match.FULL for route in connection.app.router.routes)


def _scope(same: Scope, method: str) -> Scope:
    return {**same, "method": method, "path_params": {}}
