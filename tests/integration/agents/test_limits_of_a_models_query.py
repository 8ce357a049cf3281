"""What a model asks of a real ClickHouse is bounded there, by rows and by time; the answer says so, and the loop goes on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agents.analysis.findings import FindingKind, Source
from agents.analysis.signals import IncidentData
from agents.investigation.context import RunContext
from agents.investigation.inquiries.answers import Answer, answer
from agents.investigation.inquiries.asking import ASKED, Inquiry, LookAt
from agents.investigation.memory import CollectingPublisher, MemoryWindows, memory_ports, request_for
from agents.investigation.nodes.gather_logs import gather_logs
from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.nodes.plan import first_window
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.investigation.settings import InvestigationSettings
from agents.investigation.state import GatherTask, GraphState, Plan
from agents.ports import QueryLimits, Windows
from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.sql import ControlStore, open_database
from schemas.errors import TimeLimitError
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.query import Query
from tests.fakes.clickhouse_server import ClickHouseServer
from tests.fakes.clickhouse_tables import open_tables
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import context_for, evidence_in, quick, state_for
from tests.fakes.investigation_runs import ports_for, run
from tests.fakes.llm import provider_config, running_gateway
from tests.fakes.openai_server import start_openai_server
from tests.fakes.personalities import personality

pytestmark = pytest.mark.clickhouse

DATA = bad_deploy()
TENANT = "floods"
LINES = 60_000


@dataclass(frozen=True, slots=True)
class Store:
    """`endless` works for ever on every query of logs: they stand beside each of all numbers."""

    clickhouse: ClickHouse
    windows: ClickHouseWindows
    endless: ClickHouseWindows

    async def at_work(self) -> list[str]:
        """The queries that the server works on, but for the one that asks."""
        found = await self.clickhouse.query(
            Query("at_work", "SELECT query FROM system.processes WHERE query NOT LIKE '%system.processes%'")
        )
        return [row["query"] for row in found.rows]


@pytest.fixture
async def store(clickhouse_server: ClickHouseServer, tmp_path: Path) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        clickhouse = await stack.enter_async_context(open_tables(clickhouse_server.url))
        await _flood(clickhouse, DATA)
        slow = await stack.enter_async_context(
            open_clickhouse(ClickHouseAddress(clickhouse_server.url, database="endless"))
        )
        control = ControlStore(await stack.enter_async_context(open_database(tmp_path / "control.sqlite")))
        yield Store(clickhouse, ClickHouseWindows(clickhouse, control), ClickHouseWindows(slow, control))


async def _flood(clickhouse: ClickHouse, data: IncidentData) -> None:
    """Log lines of one service, evenly over the whole window, once for all tests."""
    told = await clickhouse.query(
        Query("told", "SELECT count() AS n FROM logs WHERE tenant = {tenant:String}", {"tenant": TENANT})
    )
    if told.rows[0]["n"]:
        return
    first, last = data.window.baseline_start, data.window.end
    filling = Query(
        "flood",
        """INSERT INTO logs (event_id, tenant, at, service, severity, message, _index, expires_at)
        SELECT toString(intDiv(number, 100)), {tenant:String},
          toDateTime64({first:Float64} + {step:Float64} * number, 6, 'UTC'), 'cart', 'info',
          concat('order ', toString(number), ' placed'), number % 100, '2100-01-01'
        FROM numbers({lines:UInt64})""",
        {"tenant": TENANT, "first": first, "step": (last - first) / LINES, "lines": LINES},
    )
    await clickhouse.execute(filling.rendered())
    await clickhouse.execute("CREATE DATABASE IF NOT EXISTS endless")
    await clickhouse.execute(
        """CREATE VIEW IF NOT EXISTS endless.logs AS
        SELECT logs.* FROM system.numbers AS n CROSS JOIN default.logs AS logs"""
    )


def asking(windows: Windows, **settings: object) -> tuple[RunContext, GraphState]:
    context = context_for(DATA, windows=windows, request=request_for(DATA, tenant=TENANT))
    ports = replace(context.ports, settings=context.settings.model_copy(update=settings))
    context = replace(context, ports=ports)
    plan = Plan(window=first_window(context), tasks=(GatherTask(source=Source.LOGS),))
    return context, state_for(context, plan=plan)


async def asked(windows: Windows, look_at: LookAt = LookAt.LOGS, **settings: object) -> Answer:
    context, state = asking(windows, **settings)
    assert state.plan is not None
    window = state.plan.window
    inquiry = Inquiry(
        look_at=look_at, service="cart", match="", since=window.baseline_start, until=window.end
    )
    return await answer(inquiry, 1, state, context)


def counted(statement: str) -> Mapping[str, int]:
    found = re.search(r": (\d+) lines, (\d+) before \S+, (\d+) since", statement)
    assert found is not None, statement
    return dict(zip(("all", "before", "since"), map(int, found.groups()), strict=True))


async def test_a_query_over_more_lines_than_its_limit_is_thinned_out_in_the_store_and_says_so(
    store: Store,
) -> None:
    evidence = (await asked(store.windows)).evidence

    counts = counted(evidence.statement)
    limit = InvestigationSettings().query_rows
    assert limit < LINES
    assert LINES / 2 * 0.95 < counts["all"] <= limit
    assert "there is more than one query reads: one line in 2, evenly chosen" in evidence.statement
    shown = await store.clickhouse.query(Query("shown", evidence.query))
    assert len(shown.rows) == counts["all"]


async def test_what_is_left_out_is_spread_over_the_window_and_not_cut_off_its_end(store: Store) -> None:
    window = DATA.window

    statement = (await asked(store.windows, query_rows=6_000)).evidence.statement

    counts = counted(statement)
    expected = (window.end - window.start) / (window.end - window.baseline_start)
    assert counts["since"] / counts["all"] == pytest.approx(expected, rel=0.2)
    assert counts["all"] <= 6_000


async def test_a_query_within_its_limit_reads_everything_and_says_nothing_of_a_limit(store: Store) -> None:
    statement = (await asked(store.windows, query_rows=LINES)).evidence.statement

    assert counted(statement)["all"] == LINES
    assert "more than one query reads" not in statement


async def test_what_the_agents_read_themselves_says_what_it_left_out_too(store: Store) -> None:
    context, state = asking(store.windows.within(QueryLimits(rows=600, samples=600, seconds=60.0)))
    assert state.plan is not None
    order = GatherOrder(task=GatherTask(source=Source.LOGS), window=state.plan.window)

    delta = await gather_logs(order, context)

    (cut,) = (one for one in delta["evidence"] if one.finding == "||cut_short")
    assert cut.kind == FindingKind.NO_DATA
    assert cut.statement.startswith("There is more of logs than one query reads: one line in 105,")


async def test_a_query_that_takes_too_long_is_ended_by_the_server_itself(store: Store) -> None:
    window = asking(store.endless)[1].plan
    assert window is not None
    limited = store.endless.within(QueryLimits(rows=10, samples=10, seconds=0.3))

    with pytest.raises(TimeLimitError, match="TIMEOUT_EXCEEDED"):
        await limited.logs(TENANT, ["cart"], window.window.baseline_start, window.window.end)

    assert await store.at_work() == []


async def test_a_query_that_takes_too_long_is_answered_with_that_without_another_try(store: Store) -> None:
    context, state = asking(store.endless, query_s=0.3)
    assert state.plan is not None
    window = state.plan.window
    inquiry = Inquiry(
        look_at=LookAt.LOGS, service="cart", match="", since=window.baseline_start, until=window.end
    )

    told = await answer(inquiry, 1, state, replace(context, last_try=False))

    assert (told.empty, told.cost, told.evidence.kind) == (True, None, FindingKind.UNREACHABLE)
    assert told.evidence.statement.endswith(": no answer in 0.3 s")
    assert await store.at_work() == []


@dataclass(frozen=True, slots=True)
class _EndlessForModels(MemoryWindows):
    """The incident's own data for the agents; what is asked within limits goes to a store that never ends."""

    store: Windows = field(kw_only=True)

    def within(self, limits: QueryLimits) -> Windows:  # type: ignore[override]  # another store than this one's own
        return self.store.within(limits)


async def test_the_loop_goes_on_and_ends_with_the_same_cause(store: Store) -> None:
    with start_openai_server(personality("looping")) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            ports = replace(
                memory_ports(DATA, quick(DATA, query_s=0.3)),
                gateway=bench.gateway,
                windows=_EndlessForModels(DATA, store=store.endless),
            )
            outcome = await Investigations(ports.settings).investigate(
                request_for(DATA, tenant=TENANT), ports
            )

    assert isinstance(outcome, Reported)
    assert isinstance(ports.publisher, CollectingPublisher)
    answers = [one for one in evidence_in(ports.publisher.order) if one.finding.startswith(ASKED)]
    assert [one.kind for one in answers] == [FindingKind.UNREACHABLE]
    assert outcome.report.partial == "a model asked again for what it had been shown"
    assert outcome.report.causes[0].service == (await run(DATA, ports_for(DATA))).causes[0].service
    assert any("no answer in 0.3 s" in one.body["messages"][1]["content"] for one in server.requests)
