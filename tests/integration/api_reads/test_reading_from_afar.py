"""Commands of a person who has an address and a key: what they show, over a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from infra.cli.remote.client import ApiClient
from infra.cli.remote.completion import incident_ids, investigation_ids
from infra.cli.remote.place import Endpoint
from schemas.errors import (
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from schemas.events import InvestigationState
from tests.fakes import full_events as full
from tests.fakes.api import make_api
from tests.fakes.api_reads import Said, SpokenFeed, TablesInMemory, make_reads
from tests.fakes.html_reading import read_page, read_svg
from tests.fakes.person import Person
from tests.integration.api_reads.from_afar import desk, tables
from tests.integration.api_reads.serving import serve

pytestmark = pytest.mark.usefixtures("home")


async def test_incidents_come_with_their_verdict() -> None:
    async with desk(tables()) as here:
        first, second = await here.json("incidents")
        shown = (await here.run("incidents", "--open", "-s", "cart")).stdout

    assert (first["incident_id"], second["incident_id"]) == ("inc_1", "inc_2")
    assert first["report"] == {
        "investigation_id": "inv_1",
        "verdict": "cause_found",
        "headline": "the [cart]",
    }
    assert second["report"] is None
    assert "cause_found: the [cart]" in shown


async def test_filters_are_handed_on() -> None:
    known = tables()
    async with desk(known) as here:
        await here.run("incidents", "--open", "-s", "cart", "--since", "2026-11-20", "--limit", "7")
        incidents = known.asked[0]
        known.asked.clear()
        await here.run("costs", "--by", "step", "--model", "big", "--investigation", "inv_1")
        (costs,) = known.asked
        known.asked.clear()
        await here.run("evidence", "inv_1", "--step", "kpis")
        (evidence,) = known.asked

    assert (incidents.service, incidents.limit) == ("cart", 7)
    assert "closed" not in incidents.transitions
    assert f"{incidents.start:%Y-%m-%d}" == "2026-11-20"
    assert costs.by == "step"
    assert {name: value for name, value in costs.only.items() if value} == {
        "model": "big",
        "investigation_id": "inv_1",
    }
    assert (evidence.investigation_id, evidence.steps, evidence.descending) == ("inv_1", ("kpis",), False)


async def test_nothing_there_says_so() -> None:
    async with desk(TablesInMemory()) as here:
        assert await here.json("incidents") == []
        assert "none in this time" in (await here.run("incidents")).stdout
        with pytest.raises(NotFoundError, match="no report"):
            await here.run("report")


async def test_evidence_costs_and_reports_are_shown_as_at_home() -> None:
    async with desk(tables()) as here:
        (finding,) = await here.json("evidence", "inv_1")
        shown = (await here.run("evidence", "inv_1")).stdout
        (costs,) = await here.json("costs")
        money = (await here.run("costs")).stdout
        sql = (await here.run("costs", "--sql")).stdout
        (report,) = await here.json("report")
        page = (await here.run("report", "inv_1", "--format", "markdown")).stdout

    assert (finding["statement"], finding["investigation_id"]) == ("cpu rose", "inv_1")
    assert " 7.3 " in shown
    assert (costs["by"], costs["total"]["cost_nano_usd"], set(costs)) == (
        "model",
        5_000_000,
        {"by", "groups", "total"},
    )
    assert "$0.005000" in money
    assert sql == "SELECT 1\n"
    assert (report["investigation_id"], report["tenant"]) == ("inv_1", "acme")
    assert page == "# It was the cart\n"


async def test_a_report_is_written_to_files_as_at_home(tmp_path: Path) -> None:
    async with desk(tables()) as here:
        await here.run("report", "inv_1", "--out", str(tmp_path / "page.html"))
        await here.run("report", "inv_1", "--form", "postmortem", "--out", str(tmp_path / "ticket.md"))
        shown = (await here.run("report", "inv_1", "--form", "postmortem")).stdout

    read_page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "(inv_1/figures/1.svg)" in (tmp_path / "ticket.md").read_text(encoding="utf-8")
    read_svg((tmp_path / "inv_1" / "figures" / "1.svg").read_text(encoding="utf-8"))
    read_svg((tmp_path / "inv_1" / "topology.svg").read_text(encoding="utf-8"))
    assert "Postmortem, draft" in shown


async def test_findings_are_followed_as_they_are_made() -> None:
    life = [full.status("acme"), full.evidence("acme", statement="cpu rose"), full.report("acme")]
    last = full.status("acme", state=InvestigationState.COMPLETED, step="", progress=1.0)
    said = [Said(event.TOPIC, 0, event) for event in life] + [Said(last.TOPIC, 1, last)]
    feed = SpokenFeed()
    feed.expect(full.request("acme"))
    async with serve(make_api(reads=make_reads(TablesInMemory(said=said), feed))) as served:
        here = Person(served.url)
        shown = (await here.run("evidence", "inv_1", "--follow")).stdout
        lines = await here.json("evidence", "inv_1", "--follow")
        with pytest.raises(InvalidRequestError, match="which investigation"):
            await here.run("evidence", "--follow")

    assert "[kpis] cpu rose" in shown
    assert [one["statement"] for one in lines] == ["cpu rose"]


async def test_a_list_is_read_page_by_page_up_to_the_limit() -> None:
    """The API gives 500 at most; its cursors lead on, with the same filters."""
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        parameters = dict(request.url.params)
        asked.append(parameters)
        first = int(parameters.get("cursor", 0))
        count = int(parameters["limit"])
        items = [{"n": number} for number in range(first, min(first + count, 1_200))]
        following = first + count
        return httpx.Response(
            200, json={"items": items, "next_cursor": str(following) if following < 1_200 else None}
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://api") as client:
        api = ApiClient(client, Endpoint("http://api", "k", "the test"))
        some = await api.rows("/v1/x", {"open": True, "service": ""}, 700)
        everything = await api.rows("/v1/x", {}, 10_000)

    assert [one["n"] for one in some] == list(range(700))
    assert [one["n"] for one in everything] == list(range(1_200))
    assert [one["limit"] for one in asked[:2]] == ["500", "200"]
    assert asked[0] == {"open": "true", "limit": "500"}
    assert asked[1]["open"] == "true"


async def test_a_context_needs_neither_address_nor_key(home: Path) -> None:
    key = home / "key"
    key.write_text("acme.admin")
    async with desk(tables()) as here:
        none = {"TOCSIN_URL": "", "TOCSIN_API_KEY": ""}
        await here.run("context", "add", "far", "--url", here.url, "--key-file", str(key), **none)
        named = await here.json("incidents", "--context", "far", **none)
        await here.run("context", "use", "far", **none)
        used = await here.json("incidents", **none)
        (shown,) = await here.json("context", "show", "--check", **none)
        with pytest.raises(UnavailableError, match="no stack runs"):
            await here.run("incidents", "--context", "local", **none)
        with pytest.raises(UnavailableError, match="no stack runs"):
            await here.run("incidents", "--data", str(home), **none)

    assert named == used != []
    assert (shown["tenant"], shown["roles"], shown["in_use"]) == ("acme", ["admin"], True)
    assert "costs" in shown["permissions"]


async def test_ids_are_completed_from_where_the_command_would_ask() -> None:
    async with desk(tables()) as here:
        context = type("Context", (), {"params": {"url": here.url, "key": here.key}})
        incidents = await asyncio.to_thread(incident_ids, context, "inc_")
        investigations = await asyncio.to_thread(investigation_ids, context, "inv_")
        none = await asyncio.to_thread(incident_ids, context, "inv_")

    assert [name for name, _ in incidents] == ["inc_1", "inc_2"]
    assert incidents[1][1] == "quiet"
    assert investigations[0][0] == "inv_1"
    assert investigations[0][1].startswith("completed: ")
    assert none == []
