"""What schemathesis does not know of itself: our binary bodies, and that every refusal is a problem document."""

from __future__ import annotations

import json
from typing import Any, Final

import schemathesis
from hypothesis import strategies as st

from schemas.registry import builtin_registry
from tests.unit.api.intake.sent import REQUESTS

__all__: list[str] = []

_OPEN: Final = ("/health", "/ready", "/health/detailed")
_PROBLEM: Final = "application/problem+json"
_REGISTRY: Final = "application/vnd.schemaregistry.v1+json"
_BEFORE_THE_REGISTRY: Final = {401, 405, 413, 429, 500, 503}
"""What is refused before the registry's routes are reached is a problem document there too."""


_KNOWN: Final = builtin_registry().current["alarms.raw"]


def _golden(path: str) -> list[bytes]:
    return [one.body for one in REQUESTS.values() if one.path.startswith(path)]


@schemathesis.serializer("application/x-protobuf", "application/x-ndjson")
def _raw(_ctx: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="surrogatepass")


@schemathesis.hook
def before_generate_path_parameters(
    context: schemathesis.HookContext, strategy: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Ask for a schema that there is, too."""
    if context.operation is not None and "{schema_id}" in context.operation.path:
        return st.one_of(st.just({"schema_id": _KNOWN.id}), strategy)
    return strategy


@schemathesis.hook
def before_generate_body(
    context: schemathesis.HookContext, strategy: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """Send what real senders send, too."""
    path = "" if context.operation is None else context.operation.path
    if path.startswith("/registry"):
        return st.one_of(st.just({"schema": json.dumps(_KNOWN.schema)}), strategy)
    if "/prometheus/" in path:
        return st.one_of(st.sampled_from(_golden("/v1/intake/prometheus")), strategy)
    return strategy


@schemathesis.check
def refusals_are_problems(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """RFC 9457 everywhere; the registry's own form where its clients want it."""
    status, media_type = response.status_code, response.headers.get("content-type", [""])[0]
    if status < 400 or (case.operation.path in _OPEN and status == 503):
        return
    told = response.json()
    if case.operation.path.startswith("/registry") and status not in _BEFORE_THE_REGISTRY:
        assert media_type == _REGISTRY, f"{status} came as {media_type}"
        assert told["error_code"] // (100 if told["error_code"] > 999 else 1) == status
        return
    assert media_type == _PROBLEM, f"{status} came as {media_type}"
    assert told["status"] == status
    assert told["type"].startswith("urn:tocsin:problem:")
    assert told["title"]
    assert told["request_id"] == response.headers["x-request-id"][0]


@schemathesis.check
def nobody_is_let_in_without_a_key(
    _ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Whatever is asked: only health answers to nobody. With a key this says nothing."""
    asked = response.request.headers
    if case.operation.path in _OPEN or any("acme." in str(value) for value in asked.values()):
        return
    assert response.status_code in {401, 413}, f"{response.status_code} without a key"
