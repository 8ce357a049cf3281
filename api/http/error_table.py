"""Our error tree as problems, in one table; and validation errors with pointers to what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.http.problem import FieldProblem, Problem
from schemas import errors

__all__ = ["invalid_fields", "of_error", "of_validation", "unforeseen"]


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    slug: str
    told: bool = True
    """Whether the message is for the caller; what is ours to repair is only logged."""


# The first class that an error is an instance of decides.
_TABLE: Final[tuple[tuple[type[errors.TocsinError], _Row], ...]] = (
    (errors.RetryableError, _Row(503, "unavailable", told=False)),
    (errors.InvalidEventError, _Row(422, "invalid-event")),
    (errors.InvalidRequestError, _Row(422, "invalid-request")),
    (errors.NotFoundError, _Row(404, "not-found")),
    (errors.BudgetExceededError, _Row(429, "budget-exceeded")),
    (errors.TocsinError, _Row(500, "internal", told=False)),
)
_HIDDEN: Final = {
    503: "A service that this needs does not answer. Trying again may help.",
    500: "Something went wrong here. It has been noted under this request's id.",
}


def of_error(error: errors.TocsinError, retry_after_s: int) -> Problem:
    """Return the problem that an error of ours is to a caller. `retry_after_s` is for those that do not say."""
    row = next(row for kind, row in _TABLE if isinstance(error, kind))
    detail = str(error) if row.told else _HIDDEN[row.status]
    cure = error.cure if row.told else ""
    extensions = {"reason": error.reason} if isinstance(error, errors.InvalidEventError) else None
    headers = {"Retry-After": str(_wait(error, retry_after_s))} if row.status == 503 else None
    return Problem(row.status, row.slug, detail, cure=cure, headers=headers, extensions=extensions)


def unforeseen() -> Problem:
    """Return the problem for an error that nobody foresaw."""
    return Problem(500, "internal", _HIDDEN[500])


def of_validation(found: Sequence[Mapping[str, Any]]) -> Problem:
    """Return the problem for pydantic's errors about a request."""
    if any(one["type"] == "json_invalid" for one in found):
        return Problem(400, "invalid-json", "The body is not JSON.", errors=invalid_fields(found))
    return Problem(
        422, "invalid-request", "The request does not say what it should.", errors=invalid_fields(found)
    )


def invalid_fields(found: Iterable[Mapping[str, Any]]) -> tuple[FieldProblem, ...]:
    """Return where each error is: a pointer into the body, or a parameter's name."""
    return tuple(_field(one["loc"], str(one["msg"])) for one in found)


def _field(location: Sequence[str | int], message: str) -> FieldProblem:
    where, *path = location or ("body",)
    if where == "body":
        return FieldProblem(pointer="#" + "".join(f"/{_escaped(part)}" for part in path), detail=message)
    return FieldProblem(parameter=".".join(map(str, path)) or str(where), detail=message)


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _wait(error: errors.TocsinError, otherwise_s: int) -> int:
    if isinstance(error, errors.RateLimitedError) and error.retry_after_s is not None:
        return max(1, math.ceil(error.retry_after_s))
    return otherwise_s
