"""What has landed, read over real HTTP from a real ClickHouse front."""

from __future__ import annotations

import csv
import io

import pytest

from schemas.events import Decision, IncidentTransition, InvestigationState, Severity, Verdict
from sinks.clickhouse.landing import ClickHouseLanding
from tests.fakes.full_events import (
    alarm,
    at,
    cost,
    decision,
    everything,
    evidence,
    incident,
    report,
    request,
    status,
)
from tests.integration.api_reads.serving import Served, landed

pytestmark = pytest.mark.clickhouse

_LISTS = ("incidents", "investigations", "evidence", "reports", "alarms")


async def test_every_list_is_walked_by_its_cursors(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    for number in range(5):
        raw = alarm(tenant, fingerprint=f"f-{number}", occurred_at=at(number // 2))
        name, moment = f"inv_{number}", at(number // 2)
        await landed(
            landing,
            raw,
            incident(tenant, f"inc_{number}", opened_at=moment),
            request(tenant, name, requested_at=moment),
            evidence(tenant, name, occurred_at=moment),
            report(tenant, name, finished_at=moment),
            first=number,
        )

    async with tables_api.client(f"{tenant}.sre") as client:
        for name in _LISTS:
            whole = (await client.get(f"/v1/{name}")).json()
            walked, cursor = [], None
            for _ in range(3):
                page = await client.get(
                    f"/v1/{name}", params={"limit": "2", **({"cursor": cursor} if cursor else {})}
                )
                walked += page.json()["items"]
                cursor = page.json()["next_cursor"]

            assert (len(whole["items"]), whole["next_cursor"], cursor) == (5, None, None), name
            assert walked == whole["items"], name


async def test_a_tenant_sees_nothing_of_another(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    events = everything(tenant)
    await landed(landing, *events)
    raw, found = events[0], evidence(tenant)
    paths = (
        "incidents/inc_1",
        "investigations/inv_1",
        "investigations/inv_1/events",
        "reports/inv_1",
        f"evidence/{found.event_id}",
        f"alarms/{raw.event_id}",
    )

    async with tables_api.client(f"{tenant}.sre") as own, tables_api.client(f"{tenant}x.sre") as foreign:
        for path in paths:
            if not path.endswith("/events"):
                assert (await own.get(f"/v1/{path}")).status_code == 200, path
            assert (await foreign.get(f"/v1/{path}")).status_code == 404, path
        for name in _LISTS:
            assert len((await own.get(f"/v1/{name}")).json()["items"]) == 1, name
            assert (await foreign.get(f"/v1/{name}")).json()["items"] == [], name
        cancelled = await foreign.post("/v1/investigations/inv_1/cancel")
        started = await foreign.post("/v1/investigations", json={"incident_id": "inc_1"})
        assert (cancelled.status_code, started.status_code) == (404, 404)
    async with tables_api.client(f"{tenant}x.finops") as foreign:
        assert (await foreign.get("/v1/costs")).json()["total"]["entries"] == 0


async def test_an_incident_has_its_alarms_and_investigations(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    opened = incident(tenant)
    grown = incident(tenant, revision=2, transition=IncidentTransition.GREW, severity=Severity.CRITICAL)
    await landed(landing, opened, grown)
    await landed(landing, request(tenant), status(tenant, state=InvestigationState.COMPLETED), report(tenant))

    async with tables_api.client(f"{tenant}.viewer") as client:
        one = (await client.get("/v1/incidents/inc_1")).json()
        listed = (
            await client.get("/v1/incidents", params={"open": "true", "severity": ["critical", "minor"]})
        ).json()
        none = (await client.get("/v1/incidents", params={"transition": "closed"})).json()

    assert (one["severity"], one["revision"], one["open"], len(one["alarms"])) == ("critical", 2, True, 3)
    (investigated,) = one["investigations"]
    assert (investigated["state"], investigated["verdict"]) == ("completed", "cause_found")
    assert [row["incident_id"] for row in listed["items"]] == ["inc_1"]
    assert none["items"] == []


async def test_filters_and_sorts_reach_the_tables(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    strong, weak = evidence(tenant), evidence(tenant, finding="weak", score=0.5, service="db")
    first, second = alarm(tenant), alarm(tenant, fingerprint="f-2", service="it's \\ ü", occurred_at=at(1))
    await landed(landing, strong, weak)
    await landed(landing, first, second, decision(first), decision(second, Decision.SILENCED))
    await landed(landing, report(tenant), report(tenant, "inv_2", verdict=Verdict.BENIGN))

    async with tables_api.client(f"{tenant}.sre") as client:

        async def ids(path: str, key: str, **params: object) -> list[str]:
            found = await client.get(path, params={name: str(value) for name, value in params.items()})
            assert found.status_code == 200, found.text
            return [row[key] for row in found.json()["items"]]

        by_score = await ids(
            "/v1/evidence", "evidence_id", sort="score", order="asc", investigation_id="inv_1"
        )
        assert by_score == [weak.event_id, strong.event_id]
        assert await ids("/v1/evidence", "evidence_id", min_score=1) == [strong.event_id]
        assert await ids("/v1/alarms", "fingerprint", decision="silenced") == ["f-2"]
        assert await ids("/v1/alarms", "fingerprint", service="it's \\ ü") == ["f-2"]
        assert await ids("/v1/alarms", "fingerprint", service="\0") == []
        assert await ids("/v1/alarms", "fingerprint", end=at(0).isoformat()) == ["f-1"]
        assert await ids("/v1/alarms", "fingerprint", start="0001-01-01T00:00:00Z") == ["f-2", "f-1"]
        assert await ids(
            "/v1/alarms", "fingerprint", start=at(-9).isoformat(), end="9999-12-31T23:59:59Z"
        ) == ["f-2", "f-1"]
        assert await ids("/v1/reports", "investigation_id", verdict="benign") == ["inv_2"]
        assert await ids("/v1/reports", "investigation_id", cause="web") == []


async def test_costs_add_up_in_json_and_csv(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    entries = [
        cost(
            tenant,
            step=f"s{number % 3}",
            attempt=number + 1,
            cost_nano_usd=None if number == 4 else 10**number,
        )
        for number in range(5)
    ]
    await landed(landing, *entries)

    async with tables_api.client(f"{tenant}.finops") as client:
        for by in ("tenant", "service", "alarm", "model", "step", "day", "kind", "investigation_id"):
            found = (await client.get("/v1/costs", params={"by": by})).json()
            assert sum(group["cost_nano_usd"] or 0 for group in found["groups"]) == 1111, by
            assert (found["total"]["cost_nano_usd"], found["total"]["unpriced"]) == (1111, 1)
        sheet = await client.get("/v1/costs", params={"by": "step"}, headers={"Accept": "text/csv"})
        few = (await client.get("/v1/costs", params={"by": "step", "limit": "1"})).json()
        forbidden = await client.get("/v1/incidents")

    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    assert sheet.headers["content-type"].startswith("text/csv")
    assert [row["step"] for row in rows] == ["s0", "s2", "s1", "(total)"]
    assert [row["cost_nano_usd"] for row in rows] == ["1001", "100", "10", "1111"]
    assert (len(few["groups"]), few["truncated"], few["total"]["entries"]) == (1, True, 5)
    assert forbidden.status_code == 403


async def test_a_report_is_told_in_three_forms(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    found = evidence(tenant)
    told = report(tenant, headline="<script>alert(1)</script> & co")
    await landed(landing, found, told, report(tenant, revision=2, headline="better"))

    async with tables_api.client(f"{tenant}.sre") as client:
        latest = await client.get("/v1/reports/inv_1")
        first = await client.get("/v1/reports/inv_1", params={"revision": "1"})
        markdown = await client.get("/v1/reports/inv_1", headers={"Accept": "text/markdown"})
        page = await client.get(
            "/v1/reports/inv_1",
            params={"revision": "1"},
            headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
        )
        forced = await client.get("/v1/reports/inv_1?format=json", headers={"Accept": "text/html"})
        wrong = await client.get("/v1/reports/inv_1", headers={"Accept": "image/png"})
        missing = await client.get("/v1/reports/inv_1?revision=7")

    assert latest.json()["headline"] == "better"
    assert first.json() == told.model_dump(mode="json")
    assert markdown.text == told.markdown
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert forced.headers["content-type"] == "application/json"
    assert (wrong.status_code, missing.status_code) == (406, 404)
