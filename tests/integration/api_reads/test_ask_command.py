"""`tocsin ask` over real HTTP, real tables, and a scripted model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from typer.testing import CliRunner

from agents.answers.answerer import Answerer
from agents.answers.ports import AnswerPorts
from agents.investigation.memory import CollectingPublisher
from agents.llm.gateway import LlmGateway
from infra.cli.compose.answers import CheckedAnswers, LandedMaterials
from infra.cli.exit_codes import ExitCode
from infra.cli.main import app
from schemas.errors import ConfigurationError, InvalidRequestError, NotFoundError
from schemas.events import CostEntry, CostKind
from schemas.events.base import Event
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from tests.fakes.answer_material import FixedBudgets, evidence_rows, report_of
from tests.fakes.full_events import request
from tests.fakes.llm import provider_config, running_gateway
from tests.fakes.openai_server import Answer, Recorded, start_openai_server, structured
from tests.fakes.person import Person
from tests.integration.api_reads.serving import Served, landed, serve_reads

pytestmark = [pytest.mark.clickhouse, pytest.mark.usefixtures("home")]

_E = TypeVar("_E", bound=Event)


def _cost(tenant: str) -> CostEntry:
    report = report_of()
    return CostEntry(
        tenant=tenant,
        occurred_at=report.started_at,
        investigation_id="inv_1",
        incident_id="inc_1",
        step="kpis",
        kind=CostKind.QUERY,
        cost_nano_usd=12_000,
        rows_read=10,
    )


async def _fill(landing: ClickHouseLanding, tenant: str) -> None:
    def own(event: _E) -> _E:
        return type(event).model_validate({**event.model_dump(), "tenant": tenant})

    await landed(landing, own(report_of()), *map(own, evidence_rows()), _cost(tenant), request(tenant))


@asynccontextmanager
async def _serving(
    clickhouse: ClickHouse, tenant: str, gateway: LlmGateway | None = None
) -> AsyncIterator[tuple[Served, CollectingPublisher]]:
    publisher = CollectingPublisher()
    ports = AnswerPorts(LandedMaterials(clickhouse), publisher, FixedBudgets(), gateway)
    async with serve_reads(clickhouse, None, tenant, CheckedAnswers(Answerer(ports))) as served:
        yield served, publisher


async def test_a_question_is_answered_from_the_tables(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)
    async with _serving(clickhouse, tenant) as (served, _):
        person = Person(served.url, f"{tenant}.sre")
        (why_not,) = await person.json("ask", "inv_1", "why not checkout?")
        (cost,) = await person.json("ask", "inv_1", "what did it cost?")
        page = (await person.run("ask", "inv_1", "what changed?")).stdout
    assert (why_not["known"], why_not["mode"], why_not["cost_nano_usd"]) == (True, "deterministic", 0)
    assert why_not["sentences"][0]["text"].startswith("checkout was ruled out: it calls cart")
    known = {one.event_id for one in evidence_rows()}
    assert {i for one in why_not["sentences"] for i in one["evidence_ids"]} <= known
    assert cost["sentences"][0]["text"] == "It has cost $0.000012 so far, by 1 entry of the ledger."
    assert "FROM costs" in cost["sentences"][0]["query"]
    assert 'cart: deploy "cart 1.4.2" at 10:41:55. [E1]' in page
    assert "E1  ev_" in page


async def test_what_is_not_known_ends_with_its_own_status_and_says_what_to_look_at(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)
    async with _serving(clickhouse, tenant) as (served, _):
        env = {"TOCSIN_URL": served.url, "TOCSIN_API_KEY": f"{tenant}.sre", "COLUMNS": "200"}
        done = await asyncio.to_thread(
            CliRunner().invoke, app, ["ask", "inv_1", "why not the mainframe?"], env=env
        )
    assert done.exit_code == ExitCode.NEGATIVE
    assert 'I do not know from this evidence: nothing in it speaks of "mainframe".' in done.stdout
    assert "tocsin investigate inc_1" in done.stdout
    assert "SELECT" in done.stdout


async def test_a_model_words_the_answer_and_its_price_is_told(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    def script(asked: Recorded) -> Answer:
        assert "checkout was ruled out" in asked.body["messages"][1]["content"]
        told = {"text": "checkout only waits for cart.", "evidence_ids": ["E1"]}
        lie = {"text": "mars is the root cause of 99 alarms.", "evidence_ids": ["E1"]}
        return structured({"sentences": [told, lie], "missing": []})

    await _fill(landing, tenant)
    with start_openai_server(script) as server:
        async with (
            running_gateway([provider_config(server.base_url)]) as bench,
            _serving(clickhouse, tenant, bench.gateway) as (served, publisher),
        ):
            done = await Person(served.url, f"{tenant}.sre").run("ask", "inv_1", "why not checkout?")
    assert done.stdout.startswith("checkout only waits for cart. [E1]")
    assert "mars" not in done.stdout
    assert "answered by gpt-4o; 1 sentences without support left out; cost $0." in done.stderr
    (entry,) = publisher.order
    assert isinstance(entry, CostEntry)
    assert (entry.tenant, entry.investigation_id, entry.incident_id) == (tenant, "inv_1", "inc_1")


async def test_what_cannot_be_asked_is_told(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)
    async with _serving(clickhouse, tenant) as (served, _):
        with pytest.raises(NotFoundError):
            await Person(served.url, f"{tenant}.sre").run("ask", "inv_none", "why?")
        with pytest.raises(NotFoundError):
            await Person(served.url, f"{tenant}-other.sre").run("ask", "inv_1", "why?")
        with pytest.raises(ConfigurationError, match="investigate"):
            await Person(served.url, f"{tenant}.developer").run("ask", "inv_1", "why?")
        with pytest.raises(InvalidRequestError):
            await Person(served.url, f"{tenant}.sre").run("ask", "inv_1", "")


async def test_many_ask_at_once(clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str) -> None:
    await _fill(landing, tenant)
    async with _serving(clickhouse, tenant) as (served, _), served.client(f"{tenant}.sre") as client:
        path = "/v1/investigations/inv_1/questions"
        answers = await asyncio.gather(
            *(client.post(path, json={"question": f"why not checkout? {number}"}) for number in range(12))
        )
    assert {one.status_code for one in answers} == {200}
