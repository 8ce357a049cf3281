"""`tocsin feedback` from the shell to the topic, into the table and back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.cli.compose.memory import ClickHouseHistory
from schemas.errors import ConfigurationError, InvalidRequestError, NotFoundError, UnavailableError
from schemas.events import Feedback
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from tests.fakes.api import make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.fakes.full_events import feedback, report
from tests.fakes.person import Person
from tests.integration.api_reads.serving import landed, serve, serve_reads

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.clickhouse
async def test_what_is_said_lands_and_is_read_back(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await landed(landing, report(tenant))
    async with serve_reads(clickhouse, None, tenant) as served:
        person = Person(served.url, f"{tenant}.sre")
        said = [
            await person.json("feedback", "inv_1", "0", "no [cart] at all", "--as", "ann"),
            await person.json("feedback", "inv_1", "35"),
        ]
        served.api.clock.pass_s(60)
        said.append(await person.json("feedback", "inv_1", "100", "it was", "-s", "db", "--as", "ann"))
        events = [one for one in served.api.publisher.events if isinstance(one, Feedback)]
        await landed(landing, *events, *events)
        (told,) = await person.json("feedback", "inv_1")
        page = (await person.run("feedback", "inv_1")).stdout

    assert [rows[0]["feedback_id"] for rows in said] == [one.event_id for one in events]
    assert told["mean_score"] == 67.5
    assert [(one["by"], one["score"], one["actual_service"]) for one in told["items"]] == [
        (f"key:{tenant}.sre/ann", 100, "db"),
        (f"key:{tenant}.sre", 35, ""),
    ]
    assert "it was" in page
    history = ClickHouseHistory(clickhouse)
    remembered = await history.feedback(tenant, ["inv_1", "inv_0"])
    assert [one.score for one in remembered] == [100, 35]
    assert await history.feedback(tenant, []) == ()


async def test_people_are_thanked_and_texts_from_outside_are_shown_as_they_are() -> None:
    tables = TablesInMemory(
        report_rows=[report("acme")], feedback_rows=[feedback("acme", comment="[red]not markup[/red]")]
    )
    async with serve(make_api(reads=make_reads(tables))) as served:
        person = Person(served.url)
        thanks = await person.run("feedback", "inv_1", "100")
        shown = await person.run("feedback", "inv_1")
        empty = TablesInMemory(report_rows=[report("acme")])
    async with serve(make_api(reads=make_reads(empty))) as served:
        nothing = await Person(served.url).run("feedback", "inv_1")
    assert "thank you: 100, as key:acme.admin" in thanks.stderr
    assert "[red]not markup[/red]" in shown.stdout
    assert "nobody has said anything yet" in nothing.stdout


async def test_what_cannot_be_said_is_told_with_its_cure() -> None:
    api = make_api(reads=make_reads(TablesInMemory(report_rows=[report("acme")])))
    async with serve(api) as served:
        with pytest.raises(InvalidRequestError, match="42 is no score") as refused:
            await Person(served.url).run("feedback", "inv_1", "42")
        with pytest.raises(NotFoundError):
            await Person(served.url).run("feedback", "inv_2", "65")
        with pytest.raises(ConfigurationError, match="permission"):
            await Person(served.url, "acme.viewer").run("feedback", "inv_1", "65")
    assert "65: mostly" in refused.value.cure
    assert [one for one in api.publisher.events if isinstance(one, Feedback)] == []


async def test_without_an_api_there_is_nobody_to_tell(home: Path) -> None:
    with pytest.raises(UnavailableError, match="no API runs") as nobody:
        await Person("").run("feedback", "inv_1", "65", "--data", str(home))
    assert "tocsin up" in nobody.value.cure


async def test_many_say_something_at_once() -> None:
    api = make_api(reads=make_reads(TablesInMemory(report_rows=[report("acme")])))
    api.clock.at = datetime.now(UTC)
    async with serve(api) as served, served.client("acme.sre") as client:
        path = "/v1/investigations/inv_1/feedback"
        answers = await asyncio.gather(
            *(client.post(path, json={"score": 65, "author": f"p{number}"}) for number in range(20))
        )
    assert {one.status_code for one in answers} == {202}
    assert len({one.event_id for one in api.publisher.events}) == 20
