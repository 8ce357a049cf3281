from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.errors import UnavailableError
from schemas.events import Audit
from tests.fakes.api import FakeApi, client_of, make_api

SILENCE: dict[str, Any] = {
    "matchers": [{"field": "service", "value": "cart"}],
    "starts_at": "2026-03-01T10:00:00Z",
    "ends_at": "2026-03-01T12:00:00Z",
    "comment": "planned",
}
POLICY: dict[str, Any] = {"policy_id": "loud", "condition": 'severity == "critical"', "priority": 90}
RUNBOOK: dict[str, Any] = {"title": "Restart", "body": "Turn it off and on.", "services": ["cart"]}
TOPOLOGY: dict[str, Any] = {"calls": {"web": ["cart"]}, "hosts": {"cart": "h1"}}
ITEMS = [
    ("/v1/silences", SILENCE, "silence_id"),
    ("/v1/policies", POLICY, "policy_id"),
    ("/v1/runbooks", RUNBOOK, "runbook_id"),
]


@pytest.fixture
async def api() -> FakeApi:
    return make_api()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


def audits(api: FakeApi) -> list[tuple[str, str, bool]]:
    return [(one.action, one.resource, one.allowed) for one in api.publisher.events if isinstance(one, Audit)]


def without_id(draft: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in draft.items() if name != "policy_id"}


@pytest.mark.parametrize(("path", "draft", "id_name"), ITEMS)
async def test_an_item_lives_from_post_to_delete(
    api: FakeApi, client: httpx.AsyncClient, path: str, draft: dict[str, Any], id_name: str
) -> None:
    made = await client.post(path, json=draft)
    assert made.status_code == 201, made.text
    name = made.json()[id_name]
    assert made.headers["location"] == f"{path}/{name}"
    assert made.json()["tenant"] == "acme"
    read = await client.get(made.headers["location"])
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, made.json(), made.headers["etag"])
    known = await client.get(f"{path}/{name}", headers={"If-None-Match": read.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    tag = {"If-Match": read.headers["etag"]}
    other = without_id(draft) | ({"comment": "longer"} if path == "/v1/silences" else {})
    changed = await client.put(f"{path}/{name}", json=other, headers=tag)
    assert changed.status_code == 200, changed.text
    listed = await client.get(path)
    assert listed.json() == {"items": [changed.json()], "next_cursor": None}
    gone = await client.delete(f"{path}/{name}", headers={"If-Match": changed.headers["etag"]})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get(f"{path}/{name}")).status_code == 404
    kind = {"silence_id": "silence", "policy_id": "policy", "runbook_id": "runbook"}[id_name]
    actions = [f"{kind}.{action}" for action in ("create", "replace", "delete")]
    assert audits(api) == [(action, f"{kind}/{name}", True) for action in actions]


@pytest.mark.parametrize(("path", "draft", "id_name"), ITEMS)
async def test_a_change_says_what_it_changes(
    client: httpx.AsyncClient, path: str, draft: dict[str, Any], id_name: str
) -> None:
    name = (await client.post(path, json=draft)).json()[id_name]
    item = f"{path}/{name}"
    for unsure, status in (({}, 428), ({"If-Match": '"other"'}, 412)):
        assert (await client.put(item, json=without_id(draft), headers=unsure)).status_code == status
        assert (await client.delete(item, headers=unsure)).status_code == status
    assert (await client.get(item)).status_code == 200


async def test_what_is_anothers_is_not_there(api: FakeApi, client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/silences", json=SILENCE)
    item, tag = made.headers["location"], {"If-Match": made.headers["etag"]}
    async with client_of(api, "other.admin") as stranger:
        assert (await stranger.get(item)).status_code == 404
        assert (await stranger.put(item, json=SILENCE, headers=tag)).status_code == 404
        assert (await stranger.delete(item, headers=tag)).status_code == 404
        assert (await stranger.get("/v1/silences")).json()["items"] == []


async def test_a_policy_grows_by_a_version_and_keeps_its_id(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/policies", json=POLICY)
    assert made.json()["version"] == 1
    tag = {"If-Match": made.headers["etag"]}
    changed = await client.put("/v1/policies/loud", json=without_id(POLICY), headers=tag)
    assert (changed.json()["version"], changed.json()["policy_id"]) == (2, "loud")
    again = await client.post("/v1/policies", json=POLICY)
    assert (again.status_code, again.json()["type"]) == (409, "urn:tocsin:problem:exists")


async def test_what_triage_cannot_understand_is_refused_where_it_is(client: httpx.AsyncClient) -> None:
    bad = await client.post("/v1/policies", json=POLICY | {"condition": "!!"})
    assert bad.json()["errors"] == [{"pointer": "#/condition", "detail": "!! means nothing"}]
    matchers = [SILENCE["matchers"][0], {"field": "name", "operator": "=~", "value": "!!"}]
    bad = await client.post("/v1/silences", json=SILENCE | {"matchers": matchers})
    assert bad.json()["errors"][0]["pointer"] == "#/matchers/1/value"
    bad = await client.post("/v1/silences", json=SILENCE | {"ends_at": SILENCE["starts_at"]})
    assert (bad.status_code, "after starts_at" in bad.text) == (422, True)


async def test_pages_follow_one_another_and_end(client: httpx.AsyncClient) -> None:
    wanted = [(await client.post("/v1/runbooks", json=RUNBOOK | {"title": str(n)})).json() for n in range(7)]
    found, cursor = [], None
    for _ in range(4):
        page = await client.get("/v1/runbooks", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
    assert cursor is None
    assert found == wanted, "in order of id"


async def test_a_cursor_of_another_tenant_or_kind_is_refused(api: FakeApi, client: httpx.AsyncClient) -> None:
    for n in range(2):
        await client.post("/v1/runbooks", json=RUNBOOK | {"title": str(n)})
    cursor = (await client.get("/v1/runbooks", params={"limit": 1})).json()["next_cursor"]
    async with client_of(api, "other.admin") as stranger:
        for asker, path in ((stranger, "/v1/runbooks"), (client, "/v1/policies")):
            refused = await asker.get(path, params={"cursor": cursor})
            assert (refused.status_code, refused.json()["type"]) == (422, "urn:tocsin:problem:invalid-cursor")


async def test_the_topology_is_given_replaced_and_forgotten(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/topology")).status_code == 404
    assert (await client.put("/v1/topology", json=TOPOLOGY)).status_code == 428
    assert (await client.put("/v1/topology", json=TOPOLOGY, headers={"If-Match": '"x"'})).status_code == 412
    first = await client.put("/v1/topology", json=TOPOLOGY, headers={"If-None-Match": "*"})
    assert (first.status_code, first.json()["version"]) == (201, 1)
    twice = await client.put("/v1/topology", json=TOPOLOGY, headers={"If-None-Match": "*"})
    assert twice.status_code == 412
    tag = {"If-Match": first.headers["etag"]}
    later = await client.put("/v1/topology", json=TOPOLOGY | {"hosts": {}}, headers=tag)
    assert (later.status_code, later.json()["version"], later.json()["hosts"]) == (200, 2, {})
    assert (await client.put("/v1/topology", json=TOPOLOGY, headers=tag)).status_code == 412
    tag = {"If-Match": later.headers["etag"]}
    assert (await client.delete("/v1/topology", headers=tag)).status_code == 204


async def test_what_cannot_be_audited_is_not_done(api: FakeApi, client: httpx.AsyncClient) -> None:
    api.publisher.failure = UnavailableError("the broker is away")
    refused = await client.post("/v1/silences", json=SILENCE)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "broker" not in refused.text
    assert api.documents.bodies == {}


async def test_a_refused_change_is_audited_and_a_refused_look_is_not(api: FakeApi) -> None:
    async with client_of(api, "acme.viewer") as viewer:
        assert (await viewer.get("/v1/silences")).status_code == 200
        assert (await viewer.post("/v1/silences", json=SILENCE)).status_code == 403
    async with client_of(api, "acme.finops") as finops:
        assert (await finops.get("/v1/silences")).status_code == 403
    assert audits(api) == [("POST /v1/silences", "/v1/silences", False)]


async def test_everybody_may_know_who_they_are(api: FakeApi) -> None:
    async with client_of(api, "acme.finops+ingest") as client:
        assert (await client.get("/v1/me")).json() == {
            "principal": "key:acme.finops+ingest",
            "tenant": "acme",
            "roles": ["finops", "ingest"],
            "permissions": ["costs", "ingest"],
        }
    async with client_of(api, "acme.viewer") as viewer:
        tenant = (await viewer.get("/v1/tenant")).json()
        assert (tenant["tenant"], tenant["tier"], tenant["own_limits"]) == ("acme", "enterprise", False)
        assert tenant["limits"]["investigations_per_day"] == 1000


@pytest.mark.parametrize(
    "changed",
    [
        {"policy_id": ""},
        {"policy_id": "a b"},
        {"policy_id": "a/b"},
        {"policy_id": "\U00070af0"},
        {"policy_id": "x" * 129},
        {"cooldown_s": 1e308},
        {"observe_s": -1},
        {"lead_s": float("inf")},
        {"priority": 101},
        {"tenant": "other"},
    ],
)
async def test_a_policy_that_triage_could_not_bear_is_refused(
    api: FakeApi, client: httpx.AsyncClient, changed: dict[str, Any]
) -> None:
    body = json.dumps(POLICY | changed).encode()
    refused = await client.post("/v1/policies", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code in {400, 422}, refused.text
    assert api.documents.bodies == {}


@pytest.mark.parametrize("name", ["%00", "a%00b", "%F0%9F%94%94", "..%2F..", "x" * 5_000])
async def test_a_name_that_nothing_can_have_is_not_there(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/v1/silences/{name}")).status_code == 404
