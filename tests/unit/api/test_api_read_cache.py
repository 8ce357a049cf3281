"""Answers that are given again: to whom, for how long, and what they never do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from api.app import create_app
from api.http.kept_answers import Kept, Question, Shelf
from api.http.landed_marks import depends_on
from api.http.views import IncidentView
from api.read_ports import IncidentQuery, Slice
from schemas.access import Role
from schemas.errors import UnavailableError
from tests.fakes.api import FakeApi, client_of, make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.fakes.events import alarm, incident_of
from tests.fakes.full_events import report

KEEP_S = 1.0
INCIDENTS = "/v1/incidents"


@dataclass
class SlowTables(TablesInMemory):
    """Lists of incidents wait for `let_go`."""

    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0

    async def incidents(self, query: IncidentQuery) -> Slice[IncidentView]:
        found = await super().incidents(query)
        await self.let_go.wait()
        if self.failures:
            self.failures -= 1
            raise UnavailableError("away")
        return found


def tables_of(*tenants: str) -> TablesInMemory:
    """The same incident in each tenant, but for its title."""
    rows = [
        incident_of(alarm(tenant=tenant), incident_id="inc_1", title=f"of {tenant}") for tenant in tenants
    ]
    reports = [report(tenant, "inv_1", headline=f"of {tenant}") for tenant in tenants]
    return TablesInMemory(incident_rows=rows, report_rows=reports, mark_of={"incidents": 1})


def api_over(tables: TablesInMemory) -> FakeApi:
    return make_api(reads=make_reads(tables), read_keep_s=KEEP_S)


def lists_asked(tables: TablesInMemory) -> int:
    return sum(isinstance(one, IncidentQuery) for one in tables.asked)


async def settled() -> None:
    """Let tasks that wait for nothing come to their end."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
def tables() -> TablesInMemory:
    return tables_of("acme", "other")


@pytest.fixture
def api(tables: TablesInMemory) -> FakeApi:
    return api_over(tables)


@pytest.fixture
async def both(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    """One application for several keys: give the key with each request."""
    transport = httpx.ASGITransport(app=create_app(api.options, api.deps))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client


def key(text: str) -> dict[str, str]:
    return {"X-API-Key": text}


async def test_a_question_is_asked_once_while_nothing_lands(api: FakeApi, tables: TablesInMemory) -> None:
    async with client_of(api) as client:
        first = await client.get(INCIDENTS)
        api.clock.pass_s(0.5)
        again = await client.get(INCIDENTS)
        for _ in range(8):
            api.clock.pass_s(KEEP_S * 0.9)
            await client.get(INCIDENTS)
            await settled()

    assert again.content == first.content
    assert ("age" in first.headers, again.headers["age"]) == (False, "0")
    assert lists_asked(tables) == 1
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_what_is_known_already_is_told_without_a_body(api: FakeApi) -> None:
    async with client_of(api) as client:
        first = await client.get(INCIDENTS)
        known = {"If-None-Match": first.headers["etag"]}
        same = await client.get(INCIDENTS, headers=known)
        other = await client.get(f"{INCIDENTS}?limit=1", headers={"If-None-Match": '"another"'})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-length" not in same.headers
    assert other.status_code == 200
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "X-API-Key"} <= set(first.headers["vary"].replace(" ", "").split(","))


@pytest.mark.parametrize("path", [INCIDENTS, "/v1/incidents/inc_1", "/v1/reports/inv_1", "/v1/reports"])
async def test_no_tenant_is_given_the_answer_of_another(both: httpx.AsyncClient, path: str) -> None:
    for _ in range(2):
        for tenant, foreign in (("acme", "other"), ("other", "acme")):
            answer = await both.get(path, headers=key(f"{tenant}.admin"))
            assert answer.status_code == 200
            assert f"of {tenant}" in answer.text
            assert f"of {foreign}" not in answer.text
    etag = (await both.get(path, headers=key("acme.admin"))).headers["etag"]
    foreign_tag = await both.get(path, headers={**key("other.admin"), "If-None-Match": etag})
    assert foreign_tag.status_code == 200


async def test_tenants_who_ask_at_once_get_each_their_own() -> None:
    slow = SlowTables(incident_rows=tables_of("acme", "other").incident_rows)
    api = api_over(slow)
    transport = httpx.ASGITransport(app=create_app(api.options, api.deps))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        tenants = ["acme", "other"] * 10
        asked = [asyncio.create_task(client.get(INCIDENTS, headers=key(f"{one}.admin"))) for one in tenants]
        await settled()
        slow.let_go.set()
        answers = await asyncio.gather(*asked)

    for tenant, answer in zip(tenants, answers, strict=True):
        assert [one["title"] for one in answer.json()["items"]] == [f"of {tenant}"]
    assert lists_asked(slow) == 2


async def test_roles_are_part_of_the_question(both: httpx.AsyncClient) -> None:
    assert (await both.get("/v1/reports/inv_1", headers=key("acme.admin"))).status_code == 200
    assert (await both.get("/v1/reports/inv_1", headers=key("acme.viewer"))).status_code == 403
    assert (await both.get("/v1/reports/inv_1", headers=key("nobody"))).status_code == 401
    assert (await both.get("/v1/reports/inv_1")).status_code == 401


async def test_formats_are_part_of_the_question(both: httpx.AsyncClient) -> None:
    admin = key("acme.admin")
    document = await both.get("/v1/reports/inv_1", headers=admin)
    text = await both.get("/v1/reports/inv_1", headers={**admin, "Accept": "text/markdown"})
    assert document.headers["content-type"] == "application/json"
    assert text.headers["content-type"].startswith("text/markdown")


async def test_what_lands_is_seen_within_twice_the_time(api: FakeApi, tables: TablesInMemory) -> None:
    async with client_of(api) as client:
        await client.get(INCIDENTS)
        tables.incident_rows.append(incident_of(alarm(), incident_id="inc_2"))
        tables.mark_of["incidents"] = 2
        told = []
        for _ in range(8):
            api.clock.pass_s(KEEP_S / 4)
            told.append(len((await client.get(INCIDENTS)).json()["items"]))
            await settled()
        api.clock.pass_s(2 * KEEP_S)
        last = await client.get(INCIDENTS)

    assert told[0] == 1
    assert told[-1] == 2
    assert len(last.json()["items"]) == 2


async def test_of_many_who_see_it_old_at_once_one_asks() -> None:
    slow = SlowTables(incident_rows=tables_of("acme").incident_rows, mark_of={"incidents": 1})
    slow.let_go.set()
    api = api_over(slow)
    async with client_of(api) as client:
        await client.get(INCIDENTS)
        slow.mark_of["incidents"] = 2
        api.clock.pass_s(KEEP_S)
        await client.get(INCIDENTS)
        await settled()
        slow.let_go.clear()
        api.clock.pass_s(KEEP_S / 2)
        before = lists_asked(slow)
        old = await asyncio.gather(*(client.get(INCIDENTS) for _ in range(10)))
        api.clock.pass_s(2 * KEEP_S)
        waiting = [asyncio.create_task(client.get(INCIDENTS)) for _ in range(5)]
        await settled()
        slow.let_go.set()
        async with asyncio.timeout(20):
            late = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in (*old, *late)} == {200}
    assert lists_asked(slow) <= before + 2


async def test_after_a_pause_nothing_old_is_given(api: FakeApi, tables: TablesInMemory) -> None:
    async with client_of(api) as client:
        await client.get(INCIDENTS)
        tables.incident_rows.append(incident_of(alarm(), incident_id="inc_2"))
        tables.mark_of["incidents"] = 2
        api.clock.pass_s(2 * KEEP_S)
        assert len((await client.get(INCIDENTS)).json()["items"]) == 2


async def test_an_answer_is_made_anew_after_a_while_though_nothing_lands(
    api: FakeApi, tables: TablesInMemory
) -> None:
    async with client_of(api) as client:
        await client.get(INCIDENTS)
        api.clock.pass_s(20)
        await client.get(INCIDENTS)
    assert lists_asked(tables) == 2


async def test_other_tables_do_not_matter(api: FakeApi, tables: TablesInMemory) -> None:
    async with client_of(api) as client:
        await client.get(INCIDENTS)
        tables.mark_of["costs"] = 7
        api.clock.pass_s(2 * KEEP_S)
        await client.get(INCIDENTS)
    assert lists_asked(tables) == 1


async def test_refusals_and_failures_are_not_kept(api: FakeApi, tables: TablesInMemory) -> None:
    async with client_of(api) as client:
        missing = await client.get("/v1/incidents/inc_9")
        tables.incident_rows.append(incident_of(alarm(), incident_id="inc_9"))
        assert (missing.status_code, (await client.get("/v1/incidents/inc_9")).status_code) == (404, 200)
        tables.failure = UnavailableError("away")
        assert (await client.get(f"{INCIDENTS}?limit=7")).status_code == 503
        tables.failure = None
        assert (await client.get(f"{INCIDENTS}?limit=7")).status_code == 200
        assert (await client.get(f"{INCIDENTS}?colour=red")).status_code == 422


async def test_who_waits_for_one_that_fails_asks_for_itself() -> None:
    slow = SlowTables(incident_rows=tables_of("acme").incident_rows, failures=1)
    async with client_of(api_over(slow)) as client:
        asked = [asyncio.create_task(client.get(INCIDENTS)) for _ in range(3)]
        await settled()
        slow.let_go.set()
        statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    assert statuses == [200, 200, 503]


async def test_who_leaves_does_not_take_the_answer_along() -> None:
    slow = SlowTables(incident_rows=tables_of("acme").incident_rows)
    async with client_of(api_over(slow)) as client:
        first, second, third = (asyncio.create_task(client.get(INCIDENTS)) for _ in range(3))
        await settled()
        second.cancel()
        await settled()
        slow.let_go.set()
        assert [(await one).status_code for one in (first, third)] == [200, 200]
        fourth = asyncio.create_task(client.get(f"{INCIDENTS}?limit=3"))
        await settled()
        fourth.cancel()
        await asyncio.gather(fourth, return_exceptions=True)
        assert (await client.get(f"{INCIDENTS}?limit=3")).status_code == 200
    assert second.cancelled()


async def test_configuration_is_read_as_it_is(api: FakeApi) -> None:
    async with client_of(api) as client:
        made = await client.post("/v1/policies", json={"policy_id": "p"})
        assert made.status_code == 201
        await client.get("/v1/policies/p")
        tag = {"If-Match": made.headers["etag"]}
        assert (await client.put("/v1/policies/p", json={"rank": 3}, headers=tag)).status_code == 200
        assert (await client.get("/v1/policies/p")).json()["rank"] == 3


async def test_an_answer_given_again_is_measured_as_its_route(api: FakeApi) -> None:
    async with client_of(api) as client:
        for _ in range(2):
            await client.get("/v1/incidents/inc_1")
    routes = [labels["route"] for name, _, labels in api.meter.seen if "requests" in name]
    assert len(routes) == 2
    assert len(set(routes)) == 1


async def test_without_a_time_nothing_is_kept(tables: TablesInMemory) -> None:
    async with client_of(make_api(reads=make_reads(tables))) as client:
        for _ in range(2):
            assert "etag" not in (await client.get(INCIDENTS)).headers
    assert lists_asked(tables) == 2


def test_streams_and_configuration_depend_on_no_table() -> None:
    for path in ("/v1/investigations/inv_1/events", "/v1/policies", "/v1/me", "/health", "/v1/topics"):
        assert depends_on(path) is None
    assert depends_on("/v1/incidents") == ("incidents",)
    assert set(depends_on("/v1/incidents/inc_1") or ()) > {"incidents"}


def _kept(size: int) -> Kept:
    return Kept(0.0, (), b"x" * size, "e", None, (), 0.0)


def _question(name: str) -> Question:
    return Question("acme", frozenset({Role.VIEWER}), name, b"", "")


def test_a_shelf_has_bounds_and_keeps_what_is_used() -> None:
    shelf = Shelf(most=3, most_bytes=100)
    for name in ("a", "b", "c"):
        shelf.put(_question(name), _kept(10))
    assert shelf.get(_question("a")) is not None
    shelf.put(_question("d"), _kept(10))
    assert [shelf.get(_question(name)) is not None for name in "abcd"] == [True, False, True, True]
    shelf.put(_question("a"), _kept(95))
    assert [shelf.get(_question(name)) is not None for name in "acd"] == [True, False, False]
    shelf.put(_question("e"), _kept(101))
    assert shelf.get(_question("e")) is None
