"""Errors become answers: known ones by the table; one nobody foresaw is logged and told without what is inside."""

from __future__ import annotations

from typing import Final

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from api.http.deps import options_of
from api.http.error_table import of_error, of_validation, unforeseen
from api.http.methods import allowed
from api.http.problem import Problem, problem_response
from schemas.errors import TocsinError

__all__ = ["HANDLED", "answer", "answer_to"]

_log = structlog.get_logger(__name__)

HANDLED: tuple[type[Exception], ...] = (HTTPException, RequestValidationError, TocsinError)
"""What routes raise on purpose."""

_NOT_ALLOWED: Final = 405
_SLUGS = {
    400: "bad-request",
    401: "unauthenticated",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "too-large",
    415: "unsupported-media-type",
}


async def answer(request: Request, error: Exception) -> Response:
    """Handle an exception of a route, as Starlette wants it."""
    return answer_to(request, error)


def answer_to(connection: HTTPConnection, error: Exception) -> Response:
    """Return the problem that the error is to the caller. What is ours to repair is logged."""
    problem = _problem(connection, error)
    if problem.status_code == 500:
        _log.error("request_failed", status=500, exc_info=error)
    elif problem.status_code > 500:
        _log.warning("request_failed", status=problem.status_code, error=repr(error))
    return problem_response(connection, problem)


def _problem(connection: HTTPConnection, error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case HTTPException():
            slug = _SLUGS.get(error.status_code, "refused")
            headers = {"Allow": allowed(connection)} if error.status_code == _NOT_ALLOWED else error.headers
            return Problem(error.status_code, slug, str(error.detail), headers=headers)
        case RequestValidationError():
            return of_validation(error.errors())
        case TocsinError():
            return of_error(error, options_of(connection).retry_after_s)
        case _:
            return unforeseen()
