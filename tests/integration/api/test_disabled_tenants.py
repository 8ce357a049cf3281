"""A tenant that an admin disables over the API is refused by the API: real keys, real tenants, one database."""

from __future__ import annotations

from pathlib import Path

from infra.cli.key_ring import KeyRing
from infra.runtime.clock import SystemClock
from infra.runtime.security import ApiKeys
from infra.runtime.security.enabled import EnabledTenants
from infra.runtime.sql import ControlStore, open_database
from infra.runtime.sql.documents import SqlDocuments
from infra.runtime.sql.keys import SqlKeys
from schemas.access import Role
from tests.fakes.api import client_of, make_api

PEPPER = b"the pepper of this test"


async def test_its_keys_prove_nobody_until_it_is_enabled_again(tmp_path: Path) -> None:
    async with open_database(tmp_path / "control.sqlite") as database:
        clock, control, keys = SystemClock(), ControlStore(database), SqlKeys(database)
        proving = ApiKeys(keys, PEPPER, now=clock.now, monotonic=clock.monotonic)
        api = make_api(
            documents=SqlDocuments(database),
            tenants=control,
            authenticator=EnabledTenants(proving, control, clock.monotonic, keep_s=0),
            home="home",
        )
        ring = KeyRing(keys, PEPPER, clock)
        (_, admins), (_, theirs) = await ring.make("home", [Role.ADMIN]), await ring.make("acme", [Role.SRE])
        async with client_of(api, admins) as admin, client_of(api, theirs) as member:
            assert (await admin.post("/v1/tenants", json={"tenant": "acme", "tier": "pro"})).is_success
            assert (await member.get("/v1/tenant")).json()["tier"] == "pro"
            assert (await admin.post("/v1/tenants/acme/disable")).is_success
            refused = await member.get("/v1/tenant")
            assert (refused.status_code, refused.json()["type"]) == (
                401,
                "urn:tocsin:problem:unauthenticated",
            )
            assert (await control.tenant("acme")).effective_limits.investigations_per_day == 0
            assert (await admin.get("/v1/me")).json()["tenant"] == "home"
            assert (await admin.post("/v1/tenants/acme/enable")).is_success
            assert (await member.get("/v1/tenant")).status_code == 200
