"""/v1/tenants: who may, what is kept, and what being disabled means."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.access import Role
from schemas.control import TIERS, Tenant, TenantLimits, Tier
from schemas.events import Audit
from tests.fakes.api import FakeApi, client_of, make_api

OWN: dict[str, Any] = {
    "investigations_per_day": 7,
    "concurrent_investigations": 2,
    "retention_days": 14,
    "monthly_budget_nano_usd": 5_000_000_000,
}


@pytest.fixture
async def api() -> FakeApi:
    return make_api(home="home")


@pytest.fixture
async def admin(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api, "home.admin") as client:
        yield client


def audits(api: FakeApi) -> list[tuple[str, str, str, bool]]:
    told = [one for one in api.publisher.events if isinstance(one, Audit)]
    return [(one.tenant, one.action, one.resource, one.allowed) for one in told]


async def test_a_tenant_lives_from_post_to_disabled(api: FakeApi, admin: httpx.AsyncClient) -> None:
    made = await admin.post("/v1/tenants", json={"tenant": "acme", "tier": "pro"})
    assert (made.status_code, made.headers["location"]) == (201, "/v1/tenants/acme")
    limits = TIERS[Tier.PRO].model_dump()
    assert made.json() == {
        "tenant": "acme",
        "tier": "pro",
        "limits": None,
        "effective_limits": limits,
        "disabled": False,
    }
    read = await admin.get("/v1/tenants/acme")
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])
    assert (
        await admin.get("/v1/tenants/acme", headers={"If-None-Match": read.headers["etag"]})
    ).status_code == 304
    changed = await admin.put(
        "/v1/tenants/acme",
        json={"tier": "free", "limits": OWN},
        headers={"If-Match": read.headers["etag"]},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["effective_limits"] == changed.json()["limits"] == OWN
    disabled = await admin.post("/v1/tenants/acme/disable")
    assert disabled.status_code == 200
    assert disabled.json()["disabled"] is True
    assert disabled.json()["limits"] == OWN, "what was set is kept"
    assert disabled.json()["effective_limits"] == OWN | {
        "investigations_per_day": 0,
        "monthly_budget_nano_usd": 0,
    }
    assert (await admin.get("/v1/tenants")).json() == {"items": [disabled.json()], "next_cursor": None}
    enabled = await admin.post("/v1/tenants/acme/enable")
    assert enabled.json() == changed.json()
    assert audits(api) == [
        ("home", f"tenant.{action}", "tenant/acme", True)
        for action in ("create", "replace", "disable", "enable")
    ]


async def test_it_is_kept_where_everybody_reads_it(api: FakeApi, admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/tenants", json={"tenant": "acme", "tier": "pro", "limits": OWN})
    kept = await api.documents.get("tenant", "acme", "acme")
    assert kept is not None
    limits = TenantLimits.model_validate(OWN)
    assert Tenant.model_validate_json(kept.body) == Tenant(tenant="acme", tier=Tier.PRO, limits=limits)


@pytest.mark.parametrize("key", [*(f"home.{role}" for role in Role if role != Role.ADMIN), "acme.admin"])
async def test_it_is_for_admins_of_the_installation_alone(
    api: FakeApi, admin: httpx.AsyncClient, key: str
) -> None:
    await admin.post("/v1/tenants", json={"tenant": "acme", "tier": "pro"})
    before = len(api.publisher.events)
    async with client_of(api, key) as client:
        for method, path in (
            ("GET", "/v1/tenants"),
            ("GET", "/v1/tenants/acme"),
            ("POST", "/v1/tenants"),
            ("PUT", "/v1/tenants/acme"),
            ("POST", "/v1/tenants/acme/disable"),
            ("POST", "/v1/tenants/acme/enable"),
        ):
            answer = await client.request(method, path, json={"tenant": "x", "tier": "pro"})
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:tocsin:problem:forbidden"), path
    told = audits(api)[before:]
    assert len(told) == 4
    assert {(tenant, allowed) for tenant, _, _, allowed in told} == {(key.partition(".")[0], False)}


async def test_a_repeated_request_makes_one_tenant(api: FakeApi, admin: httpx.AsyncClient) -> None:
    new, key = {"tenant": "acme", "tier": "pro"}, {"Idempotency-Key": "k"}
    first, again = [await admin.post("/v1/tenants", json=new, headers=key) for _ in range(2)]
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await admin.post("/v1/tenants", json=new)
    assert (other.status_code, other.json()["type"]) == (409, "urn:tocsin:problem:exists")
    assert len(audits(api)) == 1


async def test_a_change_says_what_it_changes(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/tenants", json={"tenant": "acme", "tier": "pro"})
    for headers, status in (({}, 428), ({"If-Match": '"other"'}, 412)):
        answer = await admin.put("/v1/tenants/acme", json={"tier": "free"}, headers=headers)
        assert answer.status_code == status
    assert (await admin.get("/v1/tenants/acme")).json()["tier"] == "pro"


async def test_a_change_leaves_a_disabled_tenant_disabled(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/tenants", json={"tenant": "acme", "tier": "pro"})
    tag = (await admin.post("/v1/tenants/acme/disable")).headers["etag"]
    changed = await admin.put("/v1/tenants/acme", json={"tier": "free"}, headers={"If-Match": tag})
    assert (changed.json()["tier"], changed.json()["disabled"]) == ("free", True)


async def test_the_installations_own_tenant_stays(admin: httpx.AsyncClient) -> None:
    await admin.post("/v1/tenants", json={"tenant": "home", "tier": "pro"})
    answer = await admin.post("/v1/tenants/home/disable")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:tocsin:problem:own-tenant")


async def test_what_nobody_configured_is_not_there(admin: httpx.AsyncClient) -> None:
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/disable"), ("POST", "/enable")):
        answer = await admin.request(method, f"/v1/tenants/none{path}", json={"tier": "pro"})
        assert answer.status_code == 404, (method, path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenant": "a/b", "tier": "pro"},
        {"tenant": "", "tier": "pro"},
        {"tenant": "*", "tier": "pro"},
        {"tenant": "a:b", "tier": "pro"},
        {"tenant": "acme"},
        {"tenant": "acme", "tier": "gold"},
        {"tenant": "acme", "tier": "pro", "disabled": True},
        {"tenant": "acme", "tier": "pro", "limits": {"retention_days": 3}},
        {"tenant": "acme", "tier": "pro", "limits": OWN | {"retention_days": 0}},
        {"tenant": "acme", "tier": "pro", "limits": OWN | {"retention_days": True}},
        {"tenant": "acme", "tier": "pro", "limits": OWN | {"monthly_budget_nano_usd": 2**53}},
    ],
)
async def test_what_makes_no_tenant_is_refused(
    api: FakeApi, admin: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    assert (await admin.post("/v1/tenants", json=wrong)).status_code == 422
    assert api.publisher.events == []


async def test_pages_of_tenants_follow_one_another(admin: httpx.AsyncClient) -> None:
    for name in "cabed":
        await admin.post("/v1/tenants", json={"tenant": name, "tier": "free"})
    found: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = (
            await admin.get("/v1/tenants", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        ).json()
        found += [one["tenant"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert found == list("abcde")
    assert cursor is None
