from __future__ import annotations

import random

from infra.runtime.security import ApiKeys, StoredKey, mint
from infra.runtime.security.enabled import EnabledTenants
from schemas.access import ApiKey, Role
from schemas.control import Tenant
from tests.fakes.events import EPOCH

MINTED = mint("live", random.Random(1).randbytes)


class OneKey:
    """Satisfies KeyStore."""

    async def find(self, key_id: str) -> StoredKey | None:
        key = ApiKey(key_id=key_id, tenant="acme", roles=frozenset({Role.SRE}), created_at=EPOCH)
        return StoredKey(key, MINTED.presented.digest(b"pepper"))


class Switched:
    """Satisfies TenantStore."""

    def __init__(self) -> None:
        self.disabled = False
        self.asked = 0

    async def tenant(self, tenant: str) -> Tenant:
        self.asked += 1
        return Tenant(tenant=tenant, disabled=self.disabled)


class Ticks:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def over(tenants: Switched, ticks: Ticks) -> EnabledTenants:
    keys = ApiKeys(OneKey(), b"pepper", now=lambda: EPOCH, monotonic=ticks)
    return EnabledTenants(keys, tenants, ticks, keep_s=5.0)


async def test_keys_of_a_disabled_tenant_prove_nobody_within_seconds() -> None:
    tenants, ticks = Switched(), Ticks()
    known = over(tenants, ticks)
    proved = await known.authenticate(MINTED.text)
    assert proved is not None
    assert proved.tenant == "acme"
    tenants.disabled = True
    assert await known.authenticate(MINTED.text) == proved, "what was found is kept for a moment"
    ticks.at = 5.0
    assert await known.authenticate(MINTED.text) is None
    tenants.disabled = False
    ticks.at = 10.0
    assert await known.authenticate(MINTED.text) == proved
    assert tenants.asked == 3


async def test_a_bad_key_asks_for_no_tenant() -> None:
    tenants = Switched()
    assert await over(tenants, Ticks()).authenticate("wrong") is None
    assert tenants.asked == 0
