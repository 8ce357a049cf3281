"""The tenant that a key belongs to, and who the key is."""

from __future__ import annotations

from pydantic import Field

from api.http.deps import DepsOf
from api.http.principal import Anybody, Reader
from api.http.route import api_router
from schemas.access import PERMISSIONS, Permission, Role
from schemas.control import TenantLimits, Tier
from schemas.events.base import Name, Record

__all__ = ["OwnTenant", "WhoAmI", "router"]

router = api_router("", "tenant")


class OwnTenant(Record):
    """The tenant and what it may use."""

    tenant: Name
    tier: Tier
    limits: TenantLimits
    """What holds: the tier's limits, or the tenant's own."""
    own_limits: bool = Field(description="Whether they were set for this tenant.")


class WhoAmI(Record):
    """Whoever the key proves."""

    principal: Name
    tenant: Name
    roles: tuple[Role, ...]
    permissions: tuple[Permission, ...]


@router.get("/tenant")
async def get_tenant(by: Reader, deps: DepsOf) -> OwnTenant:
    """Return the key's tenant."""
    found = await deps.tenants.tenant(by.tenant)
    return OwnTenant(
        tenant=found.tenant,
        tier=found.tier,
        limits=found.effective_limits,
        own_limits=found.limits is not None,
    )


@router.get("/me")
async def get_me(by: Anybody) -> WhoAmI:
    """Return who the key is, and what it may do."""
    granted = frozenset[Permission]().union(*(PERMISSIONS[role] for role in by.roles))
    return WhoAmI(
        principal=by.name, tenant=by.tenant, roles=tuple(sorted(by.roles)), permissions=tuple(sorted(granted))
    )
