from __future__ import annotations

import asyncio
import gc
import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate

from agents.analysis.signals import IncidentData
from agents.investigation.checkpoints import (
    checkpoint_serializer,
    open_checkpoints,
    pruned_checkpoints,
)
from agents.investigation.checkpoints.serializer import _RecordsOnce
from agents.investigation.memory import memory_ports, request_for
from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.run import Investigations
from agents.investigation.state import GraphState
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import quick


async def test_the_saver_passes_the_public_conformance_suite(tmp_path: Path) -> None:
    number = iter(range(100))

    @checkpointer_test(name="sqlite")
    async def sqlite() -> Any:
        async with open_checkpoints(tmp_path / f"{next(number)}.sqlite") as saver:
            yield saver

    report = await validate(sqlite)

    ran = {name: result for name, result in report.results.items() if result.detected}
    assert {"put", "put_writes", "get_tuple", "list", "delete_thread"} <= set(ran)
    assert {name: result.failures for name, result in ran.items() if not result.passed} == {}


async def test_a_whole_state_comes_back_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = bad_deploy()
    async with open_checkpoints(tmp_path / "c.sqlite") as saver:
        ended = await Investigations(quick(data), saver).investigate(
            request_for(data), memory_ports(data, quick(data))
        )
    with caplog.at_level(logging.WARNING):
        async with open_checkpoints(tmp_path / "c.sqlite") as saver:
            again = await Investigations(quick(data), saver).investigate(
                request_for(data), memory_ports(data, quick(data))
            )

    assert again == ended
    assert caplog.records == []


def test_a_type_that_is_not_of_the_state_is_not_brought_back() -> None:
    serializer = checkpoint_serializer()
    kind, raw = serializer.dumps_typed({"at": Path("/tmp"), "odd": SimpleNamespaceLike()})

    back = serializer.loads_typed((kind, raw))

    assert not isinstance(back["odd"], SimpleNamespaceLike)


class SimpleNamespaceLike:
    """Something with a model_dump, as a stranger's model has."""

    def model_dump(self) -> dict[str, int]:
        return {"a": 1}


def test_nothing_is_ever_pickled() -> None:
    with pytest.raises(TypeError):
        checkpoint_serializer().dumps_typed(SimpleNamespace(a=1))


def test_state_and_orders_come_back_as_their_types() -> None:
    data = bad_deploy()
    state = GraphState(request=request_for(data), started_at=datetime(2026, 1, 1, tzinfo=UTC))
    serializer = checkpoint_serializer()

    back = serializer.loads_typed(serializer.dumps_typed(state))

    assert back == state
    assert "LookWindow" in GatherOrder.__annotations__["window"]


async def test_pruning_forgets_what_is_old_and_keeps_what_is_young(tmp_path: Path) -> None:
    data = bad_deploy()
    async with open_checkpoints(tmp_path / "c.sqlite") as saver:
        investigations = Investigations(quick(data), saver)
        await investigations.investigate(request_for(data), memory_ports(data, quick(data)))
        config: Any = {"configurable": {"thread_id": request_for(data).investigation_id}}

        kept = await saver.forget_before(datetime.now(tz=UTC) - timedelta(minutes=5))
        still = await saver.aget_tuple(config)
        gone = await saver.forget_before(datetime.now(tz=UTC) + timedelta(minutes=5))

        assert kept == 0
        assert still is not None
        assert gone > 5
        assert await saver.aget_tuple(config) is None


class Hours:
    """A clock on which `sleep` returns when the test lets it, and then that much later."""

    def __init__(self, begin: datetime) -> None:
        self.time = begin
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self.over = asyncio.Event()

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, delay_s: float) -> None:
        self.asked.put_nowait(delay_s)
        await self.over.wait()
        self.over.clear()
        self.time += timedelta(seconds=delay_s)

    async def pruned(self) -> float:
        """Wait until it sleeps, and return for how long."""
        return await asyncio.wait_for(self.asked.get(), 60)


async def test_the_role_prunes_every_hour_what_is_older_than_a_week(tmp_path: Path) -> None:
    data = bad_deploy()
    thread: Any = {"configurable": {"thread_id": request_for(data).investigation_id}}
    async with open_checkpoints(tmp_path / "c.sqlite") as saver:
        await Investigations(quick(data), saver).investigate(
            request_for(data), memory_ports(data, quick(data))
        )
        clock = Hours(datetime.now(tz=UTC) + timedelta(days=6, hours=23, minutes=30))
        async with pruned_checkpoints(saver, clock):
            assert await clock.pruned() == 3600
            assert await saver.aget_tuple(thread) is not None, "it is not a week old"
            clock.over.set()
            assert await clock.pruned() == 3600
            assert await saver.aget_tuple(thread) is None
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_pruning_that_fails_is_tried_again_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    path, data = tmp_path / "c.sqlite", bad_deploy()
    thread: Any = {"configurable": {"thread_id": request_for(data).investigation_id}}
    async with open_checkpoints(path) as saver:
        await Investigations(quick(data), saver).investigate(
            request_for(data), memory_ports(data, quick(data))
        )
        await saver.conn.execute("PRAGMA busy_timeout=1")
        clock = Hours(datetime.now(tz=UTC) + timedelta(days=8))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        async with pruned_checkpoints(saver, clock):
            await clock.pruned()
            assert await saver.aget_tuple(thread) is not None
            assert not saver.conn.in_transaction
            other.execute("ROLLBACK")
            other.close()
            clock.over.set()
            await clock.pruned()
            assert await saver.aget_tuple(thread) is None


def test_a_record_is_written_alike_the_first_time_and_again() -> None:
    serializer = checkpoint_serializer()
    request = request_for(bad_deploy())

    first = serializer.dumps_typed({"channels": [request, (request, "text")], "number": 1})
    again = serializer.dumps_typed({"channels": [request, (request, "text")], "number": 1})
    stranger = checkpoint_serializer().dumps_typed({"channels": [request, (request, "text")], "number": 1})

    assert first == again == stranger
    assert serializer.loads_typed(first)["channels"][0] == request


def test_a_record_in_the_place_of_one_that_is_gone_is_not_taken_for_it() -> None:
    serializer = checkpoint_serializer()
    for number in range(200):
        request = request_for(bad_deploy_once(), case=f"case-{number}")
        back = serializer.loads_typed(serializer.dumps_typed([request]))
        assert back == [request]
        del request, back


@lru_cache
def bad_deploy_once() -> IncidentData:
    return bad_deploy()


def test_what_is_gone_is_not_remembered() -> None:
    serializer = checkpoint_serializer()
    assert isinstance(serializer, _RecordsOnce)
    request = request_for(bad_deploy())
    serializer.dumps_typed([request])
    assert len(serializer._known) == 1
    del request
    gc.collect()
    assert not serializer._known
