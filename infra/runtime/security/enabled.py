"""Keys of tenants that are disabled prove nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from infra.runtime.security.authentication import ApiKeys
from schemas.access import Principal
from schemas.control import Tenant

__all__ = ["EnabledTenants", "TenantStore"]

_MOST_KEPT: Final = 10_000


class TenantStore(Protocol):
    async def tenant(self, tenant: str) -> Tenant:
        """Return the tenant, with the defaults where nobody has said anything. Raises UnavailableError."""
        ...


class EnabledTenants:
    """Satisfies api.ports.Authenticator. A tenant that is disabled is refused after at most `keep_s` seconds."""

    def __init__(
        self, keys: ApiKeys, tenants: TenantStore, monotonic: Callable[[], float], keep_s: float = 5.0
    ) -> None:
        self._keys = keys
        self._tenants = tenants
        self._monotonic = monotonic
        self._keep_s = keep_s
        self._known: dict[str, tuple[float, bool]] = {}

    async def authenticate(self, credential: str) -> Principal | None:
        """Return whom the key proves, None also where the tenant is disabled. Raises UnavailableError."""
        principal = await self._keys.authenticate(credential)
        if principal is None or await self._disabled(principal.tenant):
            return None
        return principal

    async def _disabled(self, tenant: str) -> bool:
        kept = self._known.get(tenant)
        if kept is not None and self._monotonic() < kept[0]:
            return kept[1]
        disabled = (await self._tenants.tenant(tenant)).disabled
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[tenant] = (self._monotonic() + self._keep_s, disabled)
        return disabled
