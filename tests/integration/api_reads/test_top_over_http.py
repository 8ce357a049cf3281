"""What `tocsin top` sees over a real server, what a key may not see, and what it makes of a server that goes away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from api.http.views import TopicView
from infra.cli.remote.client import ApiClient, open_api
from infra.cli.remote.place import Endpoint
from infra.cli.top.flow import TopicsFlow
from infra.cli.top.gather import Gatherer, who
from infra.cli.top.look import Look, StageLag
from schemas.errors import ConfigurationError, UnavailableError
from schemas.events import InvestigationState
from tests.fakes.api import FakeApi, FakeProbe, make_api
from tests.fakes.api_reads import FixedTopics
from tests.integration.api_reads.serving import serve
from tests.integration.api_reads.top_installation import installation, ongoing, topic


@asynccontextmanager
async def looking(url: str, key: str = "acme.admin") -> AsyncIterator[Gatherer]:
    async with open_api(Endpoint(url, key, "the test")) as api:
        yield gatherer(api, await who(api))


def gatherer(api: ApiClient, me: Any) -> Gatherer:
    seconds = iter(range(0, 1_000, 2))
    return Gatherer(api, me, TopicsFlow(api), lambda: datetime.now(UTC), monotonic=lambda: next(seconds))


def flow(api: FakeApi, *rows: TopicView) -> None:
    held = api.deps.reads.topics
    assert isinstance(held, FixedTopics)
    held.rows = rows


async def test_a_look_has_everything() -> None:
    async with installation() as (served, api, known), looking(served.url) as watcher:
        first = await watcher.look()
        flow(api, topic("alarms.raw", 30, triage=0, land=0), topic("evidence", 8, land=0))
        second = await watcher.look()

    assert first.problems == second.problems == ()
    assert (first.status, first.tenant, first.parts[0].name) == ("ready", "acme", "broker")
    assert first.lag == (StageLag("triage", 4, "alarms.raw"), StageLag("land", 2, "evidence"))
    assert first.rates is not None
    assert first.rates.alarms_per_s is None
    assert second.rates is not None
    assert (second.rates.alarms_per_s, second.rates.evidence_per_s) == (10.0, 0.5)
    assert (second.rates.landed_per_s, second.rates.landed_unit) == (11.5, "messages")
    assert [one.incident_id for one in first.incidents or ()] == ["inc_new", "inc_old", "inc_minor"]
    assert [one.state for one in first.investigations or ()] == ["running", "waiting", "queued"]
    assert first.opened_in_10_min == 3
    spent = first.spending
    assert spent is not None
    assert (spent.today_nano_usd, spent.month_nano_usd, spent.unpriced_this_month) == (
        5_000_000,
        5_000_000,
        1,
    )
    assert spent.monthly_budget_nano_usd
    asked = [one for one in known.asked if getattr(one, "states", None)]
    assert set(asked[0].states) == {"running", "resumed", "waiting", "queued", "deferred"}


async def test_what_is_not_ready_is_seen_and_no_error() -> None:
    probe = FakeProbe("clickhouse", UnavailableError("connection refused"))
    async with installation(FakeProbe("broker"), probe) as (served, _, known):
        known.failure = UnavailableError("ClickHouse is away")
        async with looking(served.url) as watcher:
            look = await watcher.look()

    assert look.status == "not_ready"
    assert [(one.name, one.ready) for one in look.parts] == [("broker", True), ("clickhouse", False)]
    assert look.parts[1].detail == "connection refused"
    assert look.lag is not None
    assert look.incidents is None
    assert {one.section for one in look.problems} == {
        "incidents",
        "incidents opened",
        "investigations",
        "costs",
    }


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("acme.finops", {"spending"}),
        ("acme.viewer", {"lag", "incidents", "investigations"}),
        ("acme.ingest", set()),
    ],
)
async def test_a_key_sees_what_it_may(key: str, seen: set[str]) -> None:
    async with installation() as (served, _, known), looking(served.url, key) as watcher:
        look = await watcher.look()

    sections = ("lag", "incidents", "investigations", "spending")
    assert {name for name in sections if getattr(look, name) is not None} == seen
    assert all("this key may not" in one.told for one in look.problems)
    assert look.status == "ready"
    if not seen:
        assert known.asked == []


async def test_an_installation_that_goes_away_is_told_and_found_again() -> None:
    async with installation() as (served, _, _known), looking(served.url) as watcher:
        port = int(served.url.rpartition(":")[2])
        assert (await watcher.look()).status == "ready"
        gone = watcher
    look = await gone_look(gone)
    assert look.status is None
    assert look.incidents is None
    assert any("cannot be reached" in one.told or "closed" in one.told for one in look.problems)
    async with serve(make_api([FakeProbe()]), port), looking(f"http://127.0.0.1:{port}") as again:
        assert (await again.look()).status == "ready"


async def gone_look(watcher: Gatherer) -> Look:
    async with open_api(watcher.api.endpoint) as api:
        return await gatherer(api, watcher.me).look()


async def test_a_wrong_key_ends_it_at_once() -> None:
    async with installation() as (served, _, _known):
        with pytest.raises(ConfigurationError, match="does not accept the key"):
            async with looking(served.url, "nobody"):
                pass


async def test_an_answer_of_another_form_is_a_problem_of_its_section() -> None:
    async with installation() as (served, _, known), looking(served.url) as watcher:
        known.investigation_rows["acme"] = [ongoing("inv_1", InvestigationState.COMPLETED)]
        look = await watcher.look()
    assert look.investigations is None
    assert [one.section for one in look.problems] == ["investigations"]
    assert "this version does not know" in look.problems[0].told
