"""How every route is made: JSON within its limits, POST idempotent, its errors declared."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.http.body import JsonRequest, require_json
from api.http.deps import options_of
from api.http.idempotency import answer_once
from api.http.problem import MEDIA_TYPE, Problem

__all__ = ["ApiRoute", "api_router", "problems"]

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_TITLES: Final = {
    304: "Not modified",
    400: "Bad request",
    401: "No valid key",
    403: "The key's roles do not allow it",
    404: "Not found, or not this tenant's",
    406: "No format that was asked for",
    409: "In conflict with what is there",
    412: "Changed since it was read",
    413: "Too large",
    415: "Unsupported media type",
    422: "Invalid",
    428: "If-Match is missing",
    429: "Too many requests",
    500: "A defect",
    503: "Something that it needs is away",
}
_ALWAYS: Final = (400, 401, 403, 413, 422, 429, 500, 503)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that may answer with these problems; 304, which is none, has no body."""
    return {status: _problem(status) for status in statuses}


def _problem(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {"description": _TITLES[status], **({} if status == 304 else {"content": content})}


def api_router(path: str, tag: str) -> APIRouter:
    """Return a router for `/v1<path>`; each of its routes declares the problems that every route may have."""
    return APIRouter(prefix=f"/v1{path}", tags=[tag], route_class=ApiRoute, responses=problems(*_ALWAYS))


def _query_names(dependant: Dependant) -> frozenset[str]:
    below = (_query_names(one) for one in dependant.dependencies)
    return frozenset(field.alias for field in dependant.query_params).union(*below)


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """A misspelt filter that is passed over would answer another question than the one asked."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise Problem(
            422,
            "unknown-parameter",
            f"There is no parameter {', '.join(unknown)} here.",
            cure=f"Known are: {', '.join(sorted(known))}." if known else "This address takes none.",
        )


class ApiRoute(APIRoute):
    """A route whose body is JSON within its limits, whose query is known, and whose POST honours Idempotency-Key."""

    def get_route_handler(self) -> _Handler:
        inner = super().get_route_handler()
        wants_json, creates = self.body_field is not None, "POST" in (self.methods or ())
        known = _query_names(self.dependant)

        async def handle(request: Request) -> Response:
            if self.path.startswith("/v1/"):  # a probe may add to its address what it likes
                _refuse_unknown(request, known)
            read = JsonRequest(request.scope, request.receive)
            read.max_depth = options_of(request).max_json_depth
            if wants_json:
                require_json(read)
            if creates:
                return await answer_once(read, lambda: inner(read))
            return await inner(read)

        return handle
