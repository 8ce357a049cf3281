"""The tenants of the installation: for its own admins alone."""

from __future__ import annotations

from typing import Annotated, Final, Self

from fastapi import Depends, Path, Request, Response
from pydantic import ConfigDict, Field

from api.http.config.items import ConfigItems, Cursor, Found, Page, PageSize, tell, tell_if_new
from api.http.deps import DepsOf
from api.http.etags import IfMatch, IfNoneMatch
from api.http.exact import Whole
from api.http.idempotency import IdempotencyKey
from api.http.principal import HomeAdmin
from api.http.problem import Problem
from api.http.route import api_router, problems
from schemas.control import Tenant, TenantLimits, Tier
from schemas.events.base import Name, Record

__all__ = ["LimitsDraft", "NewTenant", "TenantDraft", "TenantView", "router"]

router = api_router("/tenants", "tenants")

_PLAIN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
"""A tenant's name is part of addresses, message keys and metrics."""
_MOST_NANO_USD: Final = 9_000_000 * 1_000_000_000
"""Redis counts in doubles, which are whole up to 2^53."""


class LimitsDraft(Record):
    """What a tenant may use instead of what its tier gives. Money in integer 10^-9 USD."""

    investigations_per_day: Annotated[Whole, Field(ge=0, le=1_000_000)]
    concurrent_investigations: Annotated[Whole, Field(ge=1, le=10_000)]
    retention_days: Annotated[Whole, Field(ge=1, le=3_650)]
    monthly_budget_nano_usd: Annotated[Whole, Field(ge=0, le=_MOST_NANO_USD)]


class TenantDraft(Record):
    """What can be said about a tenant."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "tier": "pro",
                "limits": {
                    "investigations_per_day": 200,
                    "concurrent_investigations": 5,
                    "retention_days": 30,
                    "monthly_budget_nano_usd": 750_000_000_000,
                },
            }
        }
    )

    tier: Tier
    limits: LimitsDraft | None = None
    """Null: the tier's."""

    def of(self, tenant: str, *, disabled: bool) -> Tenant:
        own = None if self.limits is None else TenantLimits.model_validate(dict(self.limits))
        return Tenant(tenant=tenant, tier=self.tier, limits=own, disabled=disabled)


class NewTenant(TenantDraft):
    """A tenant and its name, which stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"tenant": "acme", "tier": "pro"}})

    tenant: Annotated[str, Field(pattern=_PLAIN)]


class TenantView(Record):
    """A tenant that somebody has configured."""

    tenant: Name
    tier: Tier
    limits: TenantLimits | None
    """Its own; null: the tier's."""
    effective_limits: TenantLimits
    """What holds: its own or the tier's, and nothing that costs while it is disabled."""
    disabled: bool

    @classmethod
    def of(cls, tenant: Tenant) -> Self:
        return cls.model_validate(dict(tenant) | {"effective_limits": tenant.effective_limits})


_Tenant = Annotated[str, Path(max_length=256)]


async def _all_items(request: Request) -> ConfigItems[Tenant]:
    return ConfigItems(request, "tenant", Tenant)


async def _items(tenant: _Tenant, request: Request) -> ConfigItems[Tenant]:
    return ConfigItems(request, "tenant", Tenant, owner=tenant)


_Items = Annotated[ConfigItems[Tenant], Depends(_items)]


@router.get("")
async def list_tenants(
    _by: HomeAdmin,
    items: Annotated[ConfigItems[Tenant], Depends(_all_items)],
    limit: PageSize = 50,
    cursor: Cursor = None,
) -> Page[TenantView]:
    """List the tenants that were configured. Any other that has a key is enterprise, with the limits of that tier."""
    found = await items.page_of_all(cursor, limit)
    return Page(items=tuple(map(TenantView.of, found.items)), next_cursor=found.next_cursor)


@router.post("", status_code=201, responses=problems(409, 415))
async def create_tenant(
    draft: NewTenant, request: Request, response: Response, _by: HomeAdmin, _key: IdempotencyKey = None
) -> TenantView:
    """Configure a tenant. Its first key is made with `tocsin keys create --tenant`."""
    items = ConfigItems(request, "tenant", Tenant, owner=draft.tenant)
    response.headers["Location"] = f"/v1/tenants/{draft.tenant}"
    made = await items.create(draft.tenant, draft.of(draft.tenant, disabled=False))
    return tell(response, _seen(made))


@router.get("/{tenant}", response_model=TenantView, responses=problems(304, 404))
async def get_one_tenant(
    tenant: _Tenant, response: Response, _by: HomeAdmin, items: _Items, known: IfNoneMatch = None
) -> TenantView | Response:
    """Return one tenant, with its ETag."""
    return tell_if_new(response, _seen(await items.get(tenant)), known)


@router.put("/{tenant}", responses=problems(404, 412, 415, 428))
async def replace_tenant(
    tenant: _Tenant,
    draft: TenantDraft,
    response: Response,
    _by: HomeAdmin,
    items: _Items,
    if_match: IfMatch = None,
) -> TenantView:
    """Change a tenant's tier and limits. They hold within seconds."""
    changed = await items.replace(tenant, if_match, lambda old: draft.of(tenant, disabled=old.disabled))
    return tell(response, _seen(changed))


@router.post("/{tenant}/disable", responses=problems(404, 409, 412))
async def disable_tenant(
    tenant: _Tenant,
    response: Response,
    _by: HomeAdmin,
    items: _Items,
    deps: DepsOf,
    _key: IdempotencyKey = None,
) -> TenantView:
    """Disable a tenant: within seconds its keys prove nobody, and nothing more is investigated. What it has is kept."""
    if tenant == deps.home:
        raise Problem(409, "own-tenant", "The installation's own tenant is who manages the others.")
    return tell(response, await _switch(items, tenant, disabled=True))


@router.post("/{tenant}/enable", responses=problems(404, 412))
async def enable_tenant(
    tenant: _Tenant, response: Response, _by: HomeAdmin, items: _Items, _key: IdempotencyKey = None
) -> TenantView:
    """Let a tenant act again."""
    return tell(response, await _switch(items, tenant, disabled=False))


async def _switch(items: ConfigItems[Tenant], tenant: str, *, disabled: bool) -> Found[TenantView]:
    """Whatever its state is: 412 only for whoever comes between."""
    changed = await items.replace(
        tenant,
        "*",
        lambda old: old.model_copy(update={"disabled": disabled}),
        action="disable" if disabled else "enable",
    )
    return _seen(changed)


def _seen(found: Found[Tenant]) -> Found[TenantView]:
    return Found(TenantView.of(found.value), found.etag)
