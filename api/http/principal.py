"""Who is asking, and may they: what a handler writes in its signature in order to be protected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, cast

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from api.http.deps import deps_of, traceparent_of
from api.http.problem import Problem
from schemas.access import Permission, Principal, Role
from schemas.events import Audit

__all__ = [
    "Anybody",
    "Configurer",
    "CostReader",
    "EvidenceReader",
    "HomeAdmin",
    "Ingester",
    "Investigator",
    "Operator",
    "Reader",
    "ReportReader",
    "may",
    "principal_of",
]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def principal_of(connection: HTTPConnection) -> Principal:
    """Return who the gate let in. Routes that are open have nobody: there this is a defect."""
    return cast("Principal", connection.scope["state"]["principal"])


def may(permission: Permission) -> Callable[[Request], Awaitable[Principal]]:
    """Return a dependency that answers 403 to whoever lacks the permission; a refused change is audited."""

    async def permitted(request: Request) -> Principal:
        principal = principal_of(request)
        if principal.may(permission):
            return principal
        if request.method not in _SAFE:
            await _audit_refusal(request, principal, f"lacks the permission {permission}")
        raise Problem(
            403,
            "forbidden",
            f"This needs the permission `{permission}`, which your roles do not carry.",
            cure="Use a key with another role; an admin makes one with `tocsin keys create`.",
        )

    return permitted


async def _audit_refusal(request: Request, principal: Principal, reason: str) -> None:
    deps = deps_of(request)
    refusal = Audit(
        tenant=principal.tenant,
        occurred_at=deps.clock.now(),
        principal=principal.name,
        action=f"{request.method} {request.scope['route'].path}",
        resource=request.url.path[:256],
        allowed=False,
        reason=reason,
    )
    await deps.publisher.publish(refusal, traceparent=traceparent_of(request))


async def _anybody(connection: HTTPConnection) -> Principal:
    return principal_of(connection)


async def _home_admin(request: Request) -> Principal:
    principal = principal_of(request)
    if Role.ADMIN in principal.roles and principal.tenant == deps_of(request).home:
        return principal
    if request.method not in _SAFE:
        await _audit_refusal(request, principal, "is no admin of the installation")
    cure = "Use an admin's key of the tenant that the installation itself runs as."
    raise Problem(403, "forbidden", "This is for admins of the installation.", cure=cure)


Anybody = Annotated[Principal, Depends(_anybody)]
"""Whoever has a key."""
Reader = Annotated[Principal, Depends(may(Permission.READ))]
EvidenceReader = Annotated[Principal, Depends(may(Permission.EVIDENCE))]
ReportReader = Annotated[Principal, Depends(may(Permission.REPORT))]
Investigator = Annotated[Principal, Depends(may(Permission.INVESTIGATE))]
CostReader = Annotated[Principal, Depends(may(Permission.COSTS))]
Ingester = Annotated[Principal, Depends(may(Permission.INGEST))]
Configurer = Annotated[Principal, Depends(may(Permission.CONFIGURE))]
Operator = Annotated[Principal, Depends(may(Permission.OPERATE))]
HomeAdmin = Annotated[Principal, Depends(_home_admin)]
"""An admin of the installation's own tenant: who manages the others."""
