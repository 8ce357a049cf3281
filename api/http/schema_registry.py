"""The Schema Registry's read REST form under `/registry`, so that the stock Avro clients work unmodified.

Reading only: registering a schema that is there already answers its id, as the registry does; a new one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Path, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.http.body import JsonRequest
from api.http.deps import options_of
from api.http.principal import Anybody
from api.http.problem import Problem
from api.http.reads import Reads
from api.http.registry_values import (
    Compatible,
    Level,
    Mode,
    Place,
    RegistryProblem,
    SchemaId,
    SchemaOfId,
    SchemaText,
    VersionOfSubject,
)
from api.http.route import problems
from api.registry import COMPATIBILITY, RegistryError

__all__ = ["MEDIA_TYPE", "router"]

MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_UNPROCESSABLE: Final = 422

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RegistryResponse(JSONResponse):
    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


class _RegistryRoute(APIRoute):
    """Errors in the registry's own form."""

    def get_route_handler(self) -> _Handler:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            read = JsonRequest(request.scope, request.receive)
            read.max_depth = options_of(request).max_json_depth
            try:
                return await inner(read)
            except RegistryError as error:
                return _refusal(error.status, error.code, str(error))
            except RequestValidationError as error:
                problem = error.errors()[0]
                where = ".".join(str(part) for part in problem["loc"][1:])
                return _refusal(_UNPROCESSABLE, _UNPROCESSABLE, f"{where}: {problem['msg']}")
            except Problem as problem:
                return _refusal(problem.status_code, problem.status_code, problem.detail)

        return handle


def _refusal(status: int, code: int, message: str) -> Response:
    return RegistryResponse({"error_code": code, "message": message}, status)


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/RegistryProblem"}}}
    return {status: {"description": "Refused", "content": content} for status in statuses}


router = APIRouter(
    prefix="/registry",
    tags=["schema registry"],
    route_class=_RegistryRoute,
    default_response_class=RegistryResponse,
    responses={
        **problems(401, 413, 429, 500, 503),
        422: {"model": RegistryProblem, "description": "Invalid"},
    },
)


_Subject = Annotated[str, Path(max_length=512)]
_Version = Annotated[str, Path(max_length=64, description="A number from 1, or `latest`.")]
_Id = Annotated[int, Path(ge=0, le=2**31 - 1)]
_Offset = Annotated[int, Query(ge=0, le=2**31 - 1)]
_Limit = Annotated[int, Query(ge=-1, le=2**31 - 1)]


@router.get("/subjects")
async def registry_subjects(
    _by: Anybody,
    reads: Reads,
    prefix: Annotated[str, Query(alias="subjectPrefix", max_length=512)] = "",
    offset: _Offset = 0,
    limit: _Limit = -1,
) -> list[str]:
    """List the subjects: the values of our topics."""
    return _cut(list(reads.registry.subjects("" if prefix == ":*:" else prefix)), offset, limit)


@router.get("/subjects/{subject}/versions", responses=_refusals(404))
async def registry_versions(
    subject: _Subject, _by: Anybody, reads: Reads, offset: _Offset = 0, limit: _Limit = -1
) -> list[int]:
    """List a subject's versions."""
    return _cut([one.version for one in reads.registry.versions(subject)], offset, limit)


@router.get("/subjects/{subject}/versions/{version}", responses=_refusals(404))
async def registry_version(
    subject: _Subject, version: _Version, _by: Anybody, reads: Reads
) -> VersionOfSubject:
    """Return one version of a subject."""
    return VersionOfSubject.of(reads.registry.version(subject, version))


@router.get("/subjects/{subject}/versions/{version}/schema", responses=_refusals(404))
async def registry_version_schema(
    subject: _Subject, version: _Version, _by: Anybody, reads: Reads
) -> Response:
    """Return the schema alone."""
    return Response(reads.registry.version(subject, version).schema, media_type=MEDIA_TYPE)


@router.get("/schemas/types")
async def registry_types(_by: Anybody) -> list[str]:
    """List the kinds of schema."""
    return ["AVRO"]


@router.get("/schemas/ids/{schema_id}", responses=_refusals(404))
async def registry_schema(schema_id: _Id, _by: Anybody, reads: Reads) -> SchemaOfId:
    """Return the schema that messages with this id were written with."""
    found = reads.registry.with_id(schema_id)
    return SchemaOfId(schema_=found.schema, subject=found.subject, version=found.version, id=found.id)


@router.get("/schemas/ids/{schema_id}/schema", responses=_refusals(404))
async def registry_bare_schema(schema_id: _Id, _by: Anybody, reads: Reads) -> Response:
    """Return the schema alone."""
    return Response(reads.registry.with_id(schema_id).schema, media_type=MEDIA_TYPE)


@router.get("/schemas/ids/{schema_id}/versions", responses=_refusals(404))
async def registry_places(
    schema_id: _Id, _by: Anybody, reads: Reads, offset: _Offset = 0, limit: _Limit = -1
) -> list[Place]:
    """List under which subjects and versions an id is known."""
    places = [Place(subject=one.subject, version=one.version) for one in reads.registry.places(schema_id)]
    return _cut(places, offset, limit)


@router.get("/schemas/ids/{schema_id}/subjects", responses=_refusals(404))
async def registry_id_subjects(
    schema_id: _Id, _by: Anybody, reads: Reads, offset: _Offset = 0, limit: _Limit = -1
) -> list[str]:
    """List under which subjects an id is known."""
    return _cut([one.subject for one in reads.registry.places(schema_id)], offset, limit)


@router.post("/subjects/{subject}", responses=_refusals(404))
async def registry_lookup(
    subject: _Subject, schema: SchemaText, _by: Anybody, reads: Reads
) -> VersionOfSubject:
    """Return which version of the subject a schema is."""
    return VersionOfSubject.of(reads.registry.lookup(subject, schema.schema_))


@router.post("/subjects/{subject}/versions")
async def registry_register(subject: _Subject, schema: SchemaText, _by: Anybody, reads: Reads) -> SchemaId:
    """Return the id of a schema that is there already; a new one is refused with 42205."""
    return SchemaId(id=reads.registry.registered(subject, schema.schema_).id)


@router.post(
    "/compatibility/subjects/{subject}/versions/{version}",
    responses=_refusals(404),
    response_model_exclude_none=True,
)
async def registry_compatible(
    subject: _Subject,
    version: _Version,
    schema: SchemaText,
    _by: Anybody,
    reads: Reads,
    verbose: bool = False,
) -> Compatible:
    """Say whether a reader with this schema can read what that version wrote; `verbose` says why not."""
    breaks = reads.registry.breaks(subject, version, schema.schema_)
    return Compatible(is_compatible=not breaks, messages=list(breaks) if verbose else None)


@router.post(
    "/compatibility/subjects/{subject}/versions", responses=_refusals(404), response_model_exclude_none=True
)
async def registry_compatible_with_all(
    subject: _Subject, schema: SchemaText, _by: Anybody, reads: Reads, verbose: bool = False
) -> Compatible:
    """Say whether a schema could be the subject's next."""
    breaks = reads.registry.breaks_any(subject, schema.schema_)
    return Compatible(is_compatible=not breaks, messages=list(breaks) if verbose else None)


@router.get("/config")
async def registry_config(_by: Anybody) -> Level:
    """Return how schemas may change."""
    return Level(compatibilityLevel=COMPATIBILITY)


@router.get("/config/{subject}", responses=_refusals(404))
async def registry_subject_config(
    subject: _Subject,
    _by: Anybody,
    reads: Reads,
    default: Annotated[bool, Query(alias="defaultToGlobal")] = False,
) -> Level:
    """Return how a subject's schemas may change."""
    return Level(compatibilityLevel=reads.registry.compatibility(subject, default=default))


@router.get("/mode")
async def registry_mode(_by: Anybody) -> Mode:
    """Say that schemas are only read here."""
    return Mode()


@router.get("/mode/{subject}")
async def registry_subject_mode(
    _by: Anybody, _subject: Annotated[str, Path(alias="subject", max_length=512)]
) -> Mode:
    """Say the same of a subject."""
    return Mode()


def _cut(rows: list[Any], offset: int, limit: int) -> list[Any]:
    """A negative limit is none."""
    return rows[offset:] if limit < 0 else rows[offset : offset + limit]
