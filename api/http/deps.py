"""How a handler reaches what it needs: `Annotated` aliases to write in its signature."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.options import ApiOptions
from api.ports import Deps

__all__ = ["DepsOf", "OptionsOf", "Traceparent", "deps_of", "options_of", "request_id_of", "traceparent_of"]


def deps_of(connection: HTTPConnection) -> Deps:
    return cast("Deps", connection.app.state.deps)


def options_of(connection: HTTPConnection) -> ApiOptions:
    return cast("ApiOptions", connection.app.state.options)


def traceparent_of(connection: HTTPConnection) -> str:
    """Return the traceparent of this request's span, to publish events under."""
    return str(connection.scope.get("state", {}).get("traceparent", ""))


def request_id_of(connection: HTTPConnection) -> str:
    return str(connection.scope.get("state", {}).get("request_id", ""))


# FastAPI hands a dependency that is no coroutine function to a thread, which takes longer than most requests.
async def _deps(connection: HTTPConnection) -> Deps:
    return deps_of(connection)


async def _options(connection: HTTPConnection) -> ApiOptions:
    return options_of(connection)


async def _traceparent(connection: HTTPConnection) -> str:
    return traceparent_of(connection)


DepsOf = Annotated[Deps, Depends(_deps)]
OptionsOf = Annotated[ApiOptions, Depends(_options)]
Traceparent = Annotated[str, Depends(_traceparent)]
