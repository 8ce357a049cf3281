"""The reading routes over ASGI in memory: what they ask the tables, and how they answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.http.cost_views import CostGroupView
from api.http.views import EvidenceView, InvestigationView
from api.read_ports import AlarmQuery, CostAnswer, CostQuery, EvidenceQuery, IncidentQuery
from schemas.access import PERMISSIONS, Permission, Role
from schemas.errors import UnavailableError
from schemas.events import Audit, InvestigationRequested, RequestKind
from tests.fakes.api import FakeApi, client_of, make_api
from tests.fakes.api_reads import SpokenFeed, TablesInMemory, make_reads
from tests.fakes.full_events import at, evidence, incident, report, request

_NEEDED = {
    "/v1/incidents": Permission.READ,
    "/v1/incidents/inc_1": Permission.READ,
    "/v1/investigations": Permission.READ,
    "/v1/investigations/inv_1": Permission.READ,
    "/v1/alarms": Permission.READ,
    "/v1/alarms/alm_1": Permission.READ,
    "/v1/topics": Permission.READ,
    "/v1/evidence": Permission.EVIDENCE,
    "/v1/evidence/ev_1": Permission.EVIDENCE,
    "/v1/reports": Permission.REPORT,
    "/v1/reports/inv_1": Permission.REPORT,
    "/v1/reports/inv_1/figures/1.svg": Permission.REPORT,
    "/v1/reports/inv_1/topology.svg": Permission.REPORT,
    "/v1/costs": Permission.COSTS,
}


def _api(tables: TablesInMemory | None = None, feed: SpokenFeed | None = None) -> FakeApi:
    return make_api(reads=make_reads(tables, feed))


def _tables() -> TablesInMemory:
    return TablesInMemory(
        incident_rows=[incident("acme", f"inc_{number}") for number in range(5)],
        investigation_rows={"acme": [InvestigationView.queued(request("acme"))]},
        requests=[request("acme")],
        evidence_rows=[evidence("acme", finding=str(number)) for number in range(3)],
        report_rows=[report("acme")],
    )


@pytest.mark.parametrize("role", Role)
async def test_each_role_reads_what_it_may(role: Role) -> None:
    async with client_of(_api(), f"acme.{role.value}") as client:
        for path, permission in _NEEDED.items():
            status = (await client.get(path)).status_code
            assert (status == 403) == (permission not in PERMISSIONS[role]), (path, status)


async def test_nobody_reads_without_a_key() -> None:
    async with client_of(_api(), "") as client:
        for path in (*_NEEDED, "/registry/subjects", "/v1/investigations/inv_1/events"):
            assert (await client.get(path)).status_code == 401, path


async def test_a_list_is_bounded_by_tenant_and_time() -> None:
    tables = _tables()
    api = _api(tables)
    async with client_of(api, "acme.viewer") as client:
        await client.get("/v1/incidents")
        await client.get(
            "/v1/incidents",
            params={
                "start": at(0).isoformat(),
                "end": "2026-11-20T14:00:00+01:00",
                "sort": "severity",
                "order": "asc",
            },
        )

    plain, chosen = tables.asked
    assert isinstance(plain, IncidentQuery)
    assert (plain.tenant, plain.sort, plain.descending, plain.limit) == ("acme", "opened_at", True, 50)
    assert plain.end - plain.start == timedelta(days=30)
    assert plain.end == api.clock.now() + timedelta(hours=1)
    assert (chosen.start, chosen.end.hour, chosen.sort, chosen.descending) == (at(0), 13, "severity", False)


async def test_filters_are_asked_of_the_tables() -> None:
    tables = TablesInMemory()
    async with client_of(_api(tables), "acme.sre") as client:
        await client.get(
            "/v1/alarms", params={"severity": ["minor", "critical"], "decision": "silenced", "name": "A"}
        )
        await client.get(
            "/v1/evidence", params={"kind": ["a", "b"], "min_score": "1.5", "investigation_id": "inv_1"}
        )
        await client.get("/v1/incidents", params={"open": "true", "transition": ["grew", "closed"]})

    alarms, found, incidents = tables.asked
    assert isinstance(alarms, AlarmQuery)
    assert (alarms.severities, alarms.decisions, alarms.statuses) == (
        ("minor", "critical"),
        ("silenced",),
        None,
    )
    assert isinstance(found, EvidenceQuery)
    assert (found.kinds, found.steps, found.min_score) == (("a", "b"), None, 1.5)
    assert found.end - found.start == timedelta(days=400)
    assert incidents.transitions == ("grew",)


@pytest.mark.parametrize(
    "question",
    [
        "/v1/incidents?sort=title",
        "/v1/incidents?order=up",
        "/v1/incidents?limit=0",
        "/v1/incidents?limit=501",
        "/v1/incidents?severity=bad",
        "/v1/incidents?start=yesterday",
        "/v1/incidents?start=2026-01-01T00:00:00",
        "/v1/incidents?start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z",
        "/v1/incidents?cursor=nonsense",
        "/v1/evidence?min_score=nan",
        "/v1/evidence?min_score=-1",
        "/v1/reports?min_confidence=2",
        "/v1/costs?by=colour",
        "/v1/costs?limit=10001",
        "/v1/reports/inv_1?revision=-1",
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(question: str) -> None:
    async with client_of(_api(_tables()), "acme.admin") as client:
        answer = await client.get(question)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


async def test_a_cursor_goes_on_where_the_page_ended() -> None:
    tables = _tables()
    api = _api(tables)
    async with client_of(api, "acme.viewer") as client:
        first = (await client.get("/v1/incidents?limit=2")).json()
        api.clock.pass_s(1_000)
        second = (
            await client.get("/v1/incidents", params={"limit": 2, "cursor": first["next_cursor"]})
        ).json()
        larger = (
            await client.get("/v1/incidents", params={"limit": 9, "cursor": first["next_cursor"]})
        ).json()

    names = [row["incident_id"] for row in (*first["items"], *second["items"])]
    assert names == ["inc_0", "inc_1", "inc_2", "inc_3"]
    assert (len(larger["items"]), larger["next_cursor"]) == (3, None)
    assert tables.asked[0].end == tables.asked[1].end


@pytest.mark.parametrize(
    ("key", "path", "params"),
    [
        ("other.viewer", "/v1/incidents", {}),
        ("acme.viewer", "/v1/incidents", {"sort": "severity"}),
        ("acme.viewer", "/v1/incidents", {"service": "cart"}),
        ("acme.viewer", "/v1/investigations", {}),
    ],
)
async def test_a_cursor_answers_no_other_question(key: str, path: str, params: dict[str, str]) -> None:
    api = _api(_tables())
    async with client_of(api, "acme.viewer") as client:
        cursor = (await client.get("/v1/incidents?limit=2")).json()["next_cursor"]
    async with client_of(api, key) as client:
        answer = await client.get(path, params={**params, "cursor": cursor})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:tocsin:problem:invalid-cursor")


async def test_tables_that_are_away_are_told_as_such() -> None:
    tables = TablesInMemory(failure=UnavailableError("secret host does not answer"))
    async with client_of(_api(tables), "acme.admin") as client:
        for path in ("/v1/incidents", "/v1/costs", "/v1/investigations/inv_1"):
            answer = await client.get(path)
            assert (answer.status_code, "secret" in answer.text) == (503, False)
            assert "retry-after" in answer.headers


def test_figures_that_are_no_object_are_shown_all_the_same() -> None:
    assert EvidenceView.of(evidence("acme")).data == {"shift": 7.25}
    assert EvidenceView.of(evidence("acme", data="[1]")).data == {"value": [1]}
    assert EvidenceView.of(evidence("acme", data="{broken")).data == {"text": "{broken"}


async def test_an_infinite_score_is_json_all_the_same() -> None:
    tables = TablesInMemory(evidence_rows=[evidence("acme", score=float("inf"))])
    async with client_of(_api(tables), "acme.sre") as client:
        assert (await client.get("/v1/evidence")).json()["items"][0]["score"] is None


async def test_a_service_is_investigated_by_hand() -> None:
    feed = SpokenFeed()
    api = _api(feed=feed)
    async with client_of(api, "acme.sre") as client:
        body = {"service": "cart", "at": at(-3e7).isoformat()}
        first = await client.post("/v1/investigations", json=body, headers={"Idempotency-Key": "k"})
        same = await client.post("/v1/investigations", json=body, headers={"Idempotency-Key": "k"})
        other = await client.post("/v1/investigations", json=body)
        found = await client.get(first.headers["location"])

    audit, asked = api.publisher.events[:2]
    assert isinstance(audit, Audit)
    assert (audit.principal, audit.action, audit.allowed) == ("key:acme.sre", "investigation.start", True)
    assert isinstance(asked, InvestigationRequested)
    assert (asked.kind, asked.incident.services, asked.tenant) == (RequestKind.MANUAL, ("cart",), "acme")
    assert asked.incident.opened_at == at(-3e7)
    assert same.json() == first.json() == found.json()
    assert len(api.publisher.events) == 4
    assert other.json()["investigation_id"] != first.json()["investigation_id"]


async def test_one_key_names_one_investigation_even_when_the_store_forgot() -> None:
    names = set()
    for _ in range(2):
        async with client_of(_api(_tables()), "acme.sre") as client:
            answer = await client.post(
                "/v1/investigations", json={"incident_id": "inc_1"}, headers={"Idempotency-Key": "k"}
            )
            names.add(answer.json()["investigation_id"])

    assert len(names) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"incident_id": "inc_1", "service": "cart"}, 422),
        ({"incident_id": "inc_1", "at": "2026-01-01T00:00:00Z"}, 422),
        ({"service": ""}, 422),
        ({"service": "cart", "at": "2026-01-01T00:00:00"}, 422),
        ({"service": "cart", "at": "2999-01-01T00:00:00Z"}, 422),
        ({"service": "cart", "colour": "red"}, 422),
        ({"service": "c" * 257}, 422),
        ({"incident_id": "inc_9"}, 404),
        ([], 422),
    ],
)
async def test_what_cannot_be_investigated_is_refused(body: Any, status: int) -> None:
    api = _api(_tables())
    async with client_of(api, "acme.sre") as client:
        answer = await client.post("/v1/investigations", json=body)

    assert answer.status_code == status
    assert api.publisher.events == []


async def test_only_who_may_starts_and_cancels() -> None:
    api = _api(_tables())
    async with client_of(api, "acme.developer") as client:
        started = await client.post("/v1/investigations", json={"incident_id": "inc_1"})
        cancelled = await client.post("/v1/investigations/inv_1/cancel")

    assert (started.status_code, cancelled.status_code) == (403, 403)
    assert [event.TOPIC for event in api.publisher.events] == ["audit", "audit"]


async def test_a_broker_that_is_away_leaves_nothing_behind() -> None:
    feed = SpokenFeed()
    api = _api(_tables(), feed)
    api.publisher.failure = UnavailableError("away")
    async with client_of(api, "acme.sre") as client:
        headers = {"Idempotency-Key": "k"}
        failed = await client.post("/v1/investigations", json={"incident_id": "inc_1"}, headers=headers)
        api.publisher.failure = None
        again = await client.post("/v1/investigations", json={"incident_id": "inc_1"}, headers=headers)

    assert (failed.status_code, again.status_code) == (503, 202)
    assert list(feed.known) == [again.json()["investigation_id"]]


async def test_a_sheet_holds_no_formula_and_no_invented_zero() -> None:
    group = CostGroupView(
        key='=cmd|"/c calc"!A1',
        entries=1,
        unpriced=1,
        cost_nano_usd=None,
        tokens={"output": 7},
        rows_read=None,
        duration_ms=3,
    )
    tables = TablesInMemory(cost_answer=CostAnswer((group,), group, truncated=False, sql="SELECT 1"))
    async with client_of(_api(tables), "acme.finops") as client:
        sheet = await client.get(
            "/v1/costs?by=service&format=csv&kind=llm", headers={"Accept": "application/json"}
        )

    (asked,) = tables.asked
    assert isinstance(asked, CostQuery)
    assert (asked.by, asked.only["kind"], asked.tenant) == ("service", "llm", "acme")
    header, line, total = sheet.text.splitlines()
    assert header.startswith("service,entries,unpriced,cost_nano_usd,input_uncached_tokens")
    assert line == '"\'=cmd|""/c calc""!A1",1,1,,,,,7,,,3'
    assert total == "(total),1,1,,,,,7,,,3"
    assert "attachment" in sheet.headers["content-disposition"]
