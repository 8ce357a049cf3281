"""One suite over the checkpointers in SQLite and in PostgreSQL, LangGraph's own among it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from agents.investigation.checkpoints import StoredCheckpoints
from agents.investigation.memory import memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.investigation.state import GraphState
from infra.cli.compose.checkpoints import open_checkpointer
from infra.runtime.sql_address import PostgresServer, SqlAddress
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import quick

NewAddress = Callable[[], SqlAddress]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.stack)])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> NewAddress:
    if request.param == "sqlite":
        number = iter(range(100))
        return lambda: tmp_path / "deep" / f"{next(number)}.sqlite"
    server = request.getfixturevalue("postgres_server")
    return lambda: PostgresServer(server.new_schema(), connections=4)


@pytest.fixture
def opening(new_address: NewAddress) -> Callable[[], AbstractAsyncContextManager[StoredCheckpoints]]:
    """Opens the same database each time."""
    address = new_address()
    return lambda: open_checkpointer(address)


Opening = Callable[[], AbstractAsyncContextManager[StoredCheckpoints]]


def _thread(name: str) -> Any:
    return {"configurable": {"thread_id": name, "checkpoint_ns": ""}}


async def test_the_public_conformance_suite_passes(new_address: NewAddress) -> None:
    @checkpointer_test(name="tocsin")
    async def fresh() -> Any:
        async with open_checkpointer(new_address()) as saver:
            yield saver

    report = await validate(fresh)

    ran = {name: result for name, result in report.results.items() if result.detected}
    assert {"put", "put_writes", "get_tuple", "list", "delete_thread"} <= set(ran)
    assert {name: result.failures for name, result in ran.items() if not result.passed} == {}


async def test_an_investigation_ended_in_one_process_is_told_again_by_another(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    data = bad_deploy()
    async with opening() as saver:
        ended = await Investigations(quick(data), saver).investigate(
            request_for(data), memory_ports(data, quick(data))
        )
    with caplog.at_level(logging.WARNING):
        async with opening() as saver:
            again = await Investigations(quick(data), saver).investigate(
                request_for(data), memory_ports(data, quick(data))
            )
    assert again == ended
    assert [one for one in caplog.records if one.name.startswith("langgraph")] == []


async def test_many_investigations_at_once_keep_each_its_own(opening: Opening) -> None:
    data = bad_deploy()
    requests = [request_for(data, case=f"case-{number}") for number in range(6)]
    async with opening() as one, opening() as other:
        workers = [Investigations(quick(data), saver) for saver in (one, other)]
        ended = await asyncio.gather(
            *(
                workers[number % 2].investigate(request, memory_ports(data, quick(data)))
                for number, request in enumerate(requests)
            )
        )
        reports = [outcome.report for outcome in ended if isinstance(outcome, Reported)]
        assert [report.investigation_id for report in reports] == [one.investigation_id for one in requests]
        for request in requests:
            await one.adelete_thread(request.investigation_id)
        assert [found async for found in other.alist(None)] == []


async def test_a_state_with_every_character_comes_back_as_it_was(opening: Opening) -> None:
    odd = "nul \0, quote ' \" \\, %s ? $1, ä€𝄞"
    request = request_for(bad_deploy()).model_copy(update={"reason": odd})
    state = GraphState(request=request, started_at=datetime(2026, 1, 1, tzinfo=UTC))
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"request": state.request, "started_at": state.started_at}
    checkpoint["channel_versions"] = {"request": "1", "started_at": "1"}
    async with opening() as saver:
        kept = await saver.aput(_thread("inv"), checkpoint, {"step": 1}, {"request": "1", "started_at": "1"})
        await saver.aput_writes(kept, [("request", state.request)], "task")
        found = await saver.aget_tuple(_thread("inv"))
    assert found is not None
    assert found.checkpoint["channel_values"] == checkpoint["channel_values"]
    assert [value for _, _, value in found.pending_writes or []] == [state.request]


async def test_pruning_forgets_what_is_old_and_keeps_what_is_young(opening: Opening) -> None:
    data = bad_deploy()
    thread = _thread(request_for(data).investigation_id)
    async with opening() as saver:
        investigations = Investigations(quick(data), saver)
        await investigations.investigate(request_for(data), memory_ports(data, quick(data)))
        assert await saver.forget_before(datetime.now(tz=UTC) - timedelta(minutes=5)) == 0
        assert await saver.aget_tuple(thread) is not None
        assert await saver.forget_before(datetime.now(tz=UTC) + timedelta(minutes=5)) > 5
        assert await saver.aget_tuple(thread) is None
        assert await saver.forget_before(datetime.now(tz=UTC) + timedelta(minutes=5)) == 0


async def test_several_may_open_an_empty_database_at_once(opening: Opening) -> None:
    async def put(name: str) -> None:
        async with opening() as saver:
            await saver.aput(_thread(name), empty_checkpoint(), {"step": 1}, {})

    await asyncio.gather(*(put(f"inv-{number}") for number in range(4)))
    async with opening() as saver:
        assert len([one async for one in saver.alist(None)]) == 4
