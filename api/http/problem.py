"""Errors as RFC 9457 problem documents: the exception, the document, and the response that carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response

__all__ = ["MEDIA_TYPE", "FieldProblem", "Problem", "ProblemDocument", "problem_response", "type_uri"]

MEDIA_TYPE: Final = "application/problem+json"


class FieldProblem(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    detail: str
    pointer: str | None = None
    """JSON pointer (RFC 6901) into the body, as a URI fragment: `#/matchers/0/value`."""
    parameter: str | None = None
    """The name of the query, path or header parameter, where that is at fault."""
    item: int | None = None
    """Which item of a batch, from 0."""


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    type: str
    """Names the kind of problem; stable, to be compared."""
    title: str
    status: int
    detail: str = ""
    """What was wrong this time."""
    instance: str = ""
    """Names this occurrence."""
    cure: str = ""
    """What can be done about it."""
    request_id: str = ""
    trace_id: str = ""
    """The trace in which it happened."""
    errors: tuple[FieldProblem, ...] = Field(default=(), max_length=100)
    """Each thing that is wrong, where there are several."""


def type_uri(slug: str) -> str:
    """Return the URI that names a kind of problem."""
    return f"urn:tocsin:problem:{slug}"


class Problem(HTTPException):
    """Raise it anywhere in a request to answer with a problem document.

    `slug` names the kind, in kebab case; `detail` is for the caller, so it holds nothing internal; `extensions` become
    members of the document.
    """

    def __init__(  # noqa: PLR0913 - the members of the document
        self,
        status: int,
        slug: str,
        detail: str = "",
        *,
        cure: str = "",
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.slug = slug
        self.cure = cure
        self.errors = tuple(errors)
        self.extensions = dict(extensions or {})


def problem_response(connection: HTTPConnection, problem: Problem) -> Response:
    """Return the response; the request's id and trace come from the connection's state."""
    state = connection.scope.get("state", {})
    request_id, traceparent = state.get("request_id", ""), state.get("traceparent", "")
    document: dict[str, Any] = {
        "type": type_uri(problem.slug),
        "title": _title(problem),
        "status": problem.status_code,
        "detail": problem.detail,
    }
    optional = {
        "instance": f"urn:tocsin:request:{request_id}" if request_id else "",
        "cure": problem.cure,
        "request_id": request_id,
        "trace_id": traceparent[3:35],
        "errors": [one.model_dump(exclude_none=True) for one in problem.errors[:100]],
    }
    document |= {name: value for name, value in optional.items() if value}
    document |= problem.extensions
    return Response(
        orjson.dumps(document), problem.status_code, headers=problem.headers, media_type=MEDIA_TYPE
    )


def _title(problem: Problem) -> str:
    try:
        phrase = HTTPStatus(problem.status_code).phrase
    except ValueError:
        phrase = "Error"
    words = problem.slug.replace("-", " ").capitalize()
    return words or phrase
