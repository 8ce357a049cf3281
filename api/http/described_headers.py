"""The response headers in the OpenAPI document: which answers carry them, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["HEADERS", "describe_headers"]


def _header(description: str, **schema: object) -> dict[str, object]:
    return {"description": description, "required": True, "schema": {"type": "string", **schema}}


HEADERS: Final[Mapping[str, Mapping[str, object]]] = {
    "X-Request-Id": _header("Names the request: the caller's own, where it is plain."),
    "RateLimit-Policy": _header("How many requests the key has in how many seconds: `q`, `w`."),
    "RateLimit": _header("How many are left (`r`), and for how many seconds that holds (`t`)."),
    "ETag": _header("The state of what is answered: `If-Match` of a change, `If-None-Match` of a question."),
    "Location": _header("Where what was made is found.", format="uri-reference"),
    "Retry-After": _header("Seconds to wait before trying again.", pattern="^[0-9]+$"),
    "WWW-Authenticate": _header("How to bring a key (RFC 9110)."),
    "Idempotency-Replayed": {**_header("`true`: the first answer, given again."), "required": False},
}
"""`components/headers`."""


def describe_headers(path: str, method: str, operation: Mapping[str, Any]) -> None:
    """Say of each response of an operation which headers it has. Changes the operation."""
    responses: dict[str, dict[str, Any]] = operation["responses"]
    for status, response in responses.items():
        names = dict.fromkeys(_names(path, method, status, responses))
        told = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        response["headers"] = {**response.get("headers", {}), **told}


def _names(path: str, method: str, status: str, responses: Mapping[str, object]) -> Iterator[str]:
    yield "X-Request-Id"
    done = status.startswith("2")
    if done and path.startswith(("/v1", "/registry", "/metrics")):
        yield from ("RateLimit-Policy", "RateLimit")
    if status == "401":
        yield "WWW-Authenticate"
    if status == "503" and path.startswith(("/v1", "/registry")):
        yield "Retry-After"
    if path.startswith("/v1") and method == "post" and done:
        yield "Idempotency-Replayed"
    yield from _of_states(method, status, responses)


def _of_states(method: str, status: str, responses: Mapping[str, object]) -> Iterator[str]:
    """What has an address of its own tells it once it is made; what can be changed tells its state."""
    made, versioned = method == "post" and status == "201", not {"304", "412"}.isdisjoint(responses)
    if made:
        yield "Location"
    if made or (versioned and status in {"200", "201", "304"}):
        yield "ETag"
