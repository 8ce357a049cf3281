"""/health: alive. /ready: able to serve. /health/detailed: each part, how long it took and why. /metrics."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from api.http.deps import DepsOf, OptionsOf
from api.http.principal import Operator, principal_of
from api.http.readiness import Finding, Readiness
from api.http.route import ApiRoute, problems
from schemas.access import Permission

__all__ = ["router"]

router = APIRouter(tags=["health"], route_class=ApiRoute)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Alive(_Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Ready(_Answer):
    """Whether requests should be sent here."""

    status: Literal["ready", "not_ready", "stopping"]
    parts: dict[str, bool]
    """Each thing that is needed, and whether it is there."""


class Part(_Answer):
    """One thing that is needed."""

    ready: bool
    latency_ms: float
    detail: str
    """What was found, or why it is not ready; only for a key that may see how the installation does."""


class Detailed(_Answer):
    status: Literal["ready", "not_ready", "stopping"]
    version: str
    parts: dict[str, Part]


async def _readiness(request: Request) -> Readiness:
    return cast("Readiness", request.app.state.readiness)


_Looked = Annotated[Readiness, Depends(_readiness)]


@router.get("/health")
async def health(options: OptionsOf) -> Alive:
    """Answer as long as the process lives. Asks nobody."""
    return Alive(version=options.version)


@router.get("/ready", responses={503: {"model": Ready, "description": "Not ready"}})
async def ready(response: Response, readiness: _Looked, deps: DepsOf) -> Ready:
    """Say whether everything is there that requests need."""
    found = await readiness.look()
    status = _status(found, stopping=deps.stopping.is_set())
    response.status_code = 200 if status == "ready" else 503
    return Ready(status=status, parts={one.name: one.ready for one in found})


@router.get(
    "/health/detailed",
    responses={503: {"model": Detailed, "description": "Not ready"}, **problems(401, 429)},
)
async def health_detailed(
    request: Request, response: Response, readiness: _Looked, deps: DepsOf, options: OptionsOf
) -> Detailed:
    """Say how each part is. What exactly is wrong is told to a key that may `operate`."""
    found = await readiness.look()
    status = _status(found, stopping=deps.stopping.is_set())
    response.status_code = 200 if status == "ready" else 503
    told = _may_know(request)
    return Detailed(
        status=status, version=options.version, parts={one.name: _part(one, told=told) for one in found}
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401, 403, 429)},
)
async def metrics(_principal: Operator, deps: DepsOf) -> Response:
    """Return this process's metrics as Prometheus reads them; they are on the metrics port too, without a key."""
    page, media_type = deps.metrics.render()
    return Response(page, headers={"Content-Type": media_type})


def _status(found: tuple[Finding, ...], *, stopping: bool) -> Literal["ready", "not_ready", "stopping"]:
    if stopping:
        return "stopping"
    return "ready" if all(one.ready for one in found) else "not_ready"


def _part(found: Finding, *, told: bool) -> Part:
    detail = found.detail if told else ("" if found.ready else "ask with a key that may operate")
    return Part(ready=found.ready, latency_ms=round(found.seconds * 1000, 2), detail=detail)


def _may_know(request: Request) -> bool:
    return "principal" in request.scope["state"] and principal_of(request).may(Permission.OPERATE)
