"""What must not depend on the environment, and what must survive a process: over real HTTP and a real SQLite file.

Shown: with every variable set that the libraries below look at, the request goes to the configured address alone, and
nothing else is told of it. A restart is played by closing everything and opening it again, not by a kill.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agents.llm.attempt import AttemptOutcome
from agents.llm.gateway import GatewayPolicy
from agents.llm.outcomes import Answered, Deterministic, DeterministicReason
from infra.runtime.sql import SqlJournal, open_database
from tests.fakes.llm import REPORT, provider_config, running_gateway, writer_call
from tests.fakes.openai_server import Held, Status, start_openai_server, structured
from tests.fakes.waiting import until


async def test_the_environment_changes_neither_address_nor_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_openai_server([structured(REPORT)]) as server, start_openai_server([]) as trap:
        for name in (
            "OPENAI_BASE_URL",
            "OPENAI_API_BASE",
            "HTTP_PROXY",
            "http_proxy",
            "ALL_PROXY",
            "OPENAI_PROXY",
        ):
            monkeypatch.setenv(name, trap.base_url)
        for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_ORGANIZATION", "OPENAI_PROJECT_ID"):
            monkeypatch.setenv(name, "from-the-environment")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Env: from-the-environment")
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert trap.requests == []
    assert [
        name for name, value in server.requests[0].headers.items() if "from-the-environment" in value
    ] == []


@pytest.mark.parametrize("streaming", [True, False])
async def test_only_named_headers_go_out(streaming: bool) -> None:
    with start_openai_server([structured(REPORT)]) as server:
        config = provider_config(
            server.base_url, streaming=streaming, headers={"api-key": "azure", "X-Title": "tocsin"}
        )
        async with running_gateway([config]) as bench:
            outcome = await bench.ask(writer_call())
    headers = server.requests[0].headers
    assert isinstance(outcome, Answered)
    assert (headers["api-key"], headers["x-title"]) == ("azure", "tocsin")
    assert {name for name in headers if name.startswith("x-stainless")} <= {"x-stainless-raw-response"}


async def test_tracing_that_is_on_in_the_environment_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_openai_server([structured(REPORT)]) as server, start_openai_server([]) as tracer:
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        for prefix in ("LANGSMITH", "LANGCHAIN"):
            monkeypatch.setenv(f"{prefix}_TRACING_V2", "true")
            monkeypatch.setenv(f"{prefix}_ENDPOINT", tracer.base_url)
            monkeypatch.setenv(f"{prefix}_API_KEY", "lsv2_none")
        async with running_gateway([provider_config(server.base_url)]) as bench:
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert tracer.hits == 0


async def test_an_answer_survives_the_process_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    with start_openai_server([Status(429), structured(REPORT)]) as server:
        configs = [provider_config(server.base_url)]
        async with (
            open_database(path) as database,
            running_gateway(configs, journal=SqlJournal(database)) as before,
        ):
            first = await before.ask(writer_call())
        async with (
            open_database(path) as database,
            running_gateway(configs, journal=SqlJournal(database)) as after,
        ):
            second = await after.ask(writer_call())
    assert len(server.requests) == 2
    assert isinstance(first, Answered)
    assert isinstance(second, Answered)
    assert (second.value, second.from_journal) == (first.value, True)
    assert after.ledger.attempts[:2] == before.ledger.attempts
    assert after.ledger.attempts[2].outcome is AttemptOutcome.JOURNAL_HIT
    assert after.budget.spent("tenant:t") == 0


async def test_money_is_held_while_the_call_is_under_way() -> None:
    with start_openai_server(lambda _: Held()) as server:
        async with running_gateway([provider_config(server.base_url)]) as bench:
            call = asyncio.create_task(bench.ask(writer_call()))
            await until(lambda: len(server.requests) == 1)
            held = bench.budget.held("tenant:t")
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
    assert held > 2500 * 10_000  # the whole output limit at gpt-4o's price, and the input on top
    assert bench.budget.held("tenant:t") == 0


async def test_concurrent_calls_cannot_spend_the_same_money() -> None:
    with start_openai_server(lambda _: structured(REPORT)) as server:
        config = provider_config(server.base_url, max_concurrency=20)
        async with running_gateway([config], limits={"tenant:t": 70_000_000}) as bench:
            ends = await asyncio.gather(*(bench.ask(writer_call(step=f"s{n}")) for n in range(20)))
    answered = sum(isinstance(end, Answered) for end in ends)
    assert answered == 2  # each holds about 27 million until it has been settled
    assert len(server.requests) == 2


async def test_a_redirect_is_not_followed() -> None:
    with start_openai_server([]) as elsewhere:
        moved = Status(307, headers={"Location": f"{elsewhere.base_url}/chat/completions"})
        with start_openai_server(lambda _: moved) as server:
            async with running_gateway([provider_config(server.base_url)], policy=GatewayPolicy()) as bench:
                outcome = await bench.ask(writer_call())
    assert elsewhere.requests == []
    assert outcome == Deterministic(DeterministicReason.ALL_FAILED, "bad_request")
