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


DepsOf = Annotated[Deps, Depends(deps_of)]
OptionsOf = Annotated[ApiOptions, Depends(options_of)]
Traceparent = Annotated[str, Depends(traceparent_of)]
