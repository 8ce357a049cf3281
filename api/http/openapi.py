"""The OpenAPI 3.1 document: what FastAPI derives, with our problems and the two ways to bring a key."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.described_headers import HEADERS, describe_headers
from api.http.idempotency import HEADER, KEY_PATTERN, MEANING
from api.http.landed_marks import depends_on
from api.http.problem import ProblemDocument

__all__ = ["install_openapi"]

_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "tocsin_<live|test>_<id>_<secret>_<crc>"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_OPEN: Final = ("/health", "/ready")
_DESCRIPTION: Final = (
    "Alarms in, evidence and causes out. Every route but health wants a key; the tenant is the key's. Errors are "
    "RFC 9457 problem documents. `Idempotency-Key` on a POST gives the first answer again; changes of configuration "
    "want the ETag that was read as `If-Match`."
)


_KNOWN: Final = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "An ETag that is known already.",
    "schema": {"type": "string"},
}


def install_openapi(app: FastAPI) -> None:
    """Make `app.openapi()` return our document; it is made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="Tocsin",
        version=app.version,
        openapi_version="3.1.0",
        description=_DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        servers=[{"url": "/"}],
    )
    components = made.setdefault("components", {})
    components["securitySchemes"], components["headers"] = _SCHEMES, dict(HEADERS)
    components.setdefault("schemas", {}).update(_problem_schemas())
    made["security"] = [{name: []} for name in _SCHEMES]
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            _finish(path, operation)
            describe_headers(path, method, operation)
        if depends_on(path) is not None and "get" in operations:
            _declare_condition(operations["get"])
        if path.startswith("/v1") and "post" in operations:
            _declare_key(operations["post"])
    return made


def _problem_schemas() -> dict[str, Any]:
    schema = ProblemDocument.model_json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )
    nested: dict[str, Any] = schema.pop("$defs", {})
    return {"ProblemDocument": schema, **nested}


def _finish(path: str, operation: dict[str, Any]) -> None:
    if path in _OPEN:
        operation["security"] = []
    elif path == "/health/detailed":
        operation["security"] = [{}, *({name: []} for name in _SCHEMES)]


def _declare_condition(operation: dict[str, Any]) -> None:
    """What is made of tables alone has an ETag where answers are kept, and can be asked for where it has changed."""
    tag = {"ETag": {"description": "Names this answer.", "required": False, "schema": {"type": "string"}}}
    operation["parameters"] = [*operation.get("parameters", ()), _KNOWN]
    responses = operation["responses"]
    for response in (responses["200"], responses.setdefault("304", {"description": "Known already"})):
        told = {"$ref": "#/components/headers/X-Request-Id"}
        response["headers"] = {"X-Request-Id": told, **response.get("headers", {}), **tag}


def _declare_key(operation: dict[str, Any]) -> None:
    """Every POST honours the header, also where its handler does not read it."""
    parameters = operation.setdefault("parameters", [])
    if HEADER not in {one["name"] for one in parameters}:
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": KEY_PATTERN}
        parameters.append(
            {"name": HEADER, "in": "header", "required": False, "description": MEANING, "schema": schema}
        )
