"""A whole stack out of small processes: lock, state, hooks, stop."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.events import ProcessEvent, Ready, Started
from infra.local.lock import folder_lock
from infra.local.ports import PortBook
from infra.local.probes import TcpOpen
from infra.local.process import ProcessSpec
from infra.local.stack import Stack
from infra.local.state import Addresses, read_state
from infra.local.stop_request import StopRequest
from infra.local.supervisor import StartInterruptedError
from infra.local.up import running_stack
from schemas.errors import ConfigurationError, UnavailableError
from tests.unit.infra.process_parts import DIE, EventLog, sleeper

_ADDRESSES = Addresses(
    kafka="k:1", redis_url="redis://r:2", clickhouse_url="http://c:3", sqlite_path=Path("x.db")
)


def _stack(*specs: ProcessSpec) -> Stack:
    return Stack(specs, _ADDRESSES, "tansu")


def _free() -> int:
    return PortBook(random.SystemRandom()).free()


async def test_state_follows_what_happens_and_goes_at_the_end(tmp_path: Path) -> None:
    seen: list[tuple[str, str, list[str]]] = []

    def on_event(event: ProcessEvent) -> None:
        state = read_state(tmp_path)
        assert state is not None
        seen.append((type(event).__name__, event.name, [process.status for process in state.processes]))

    specs = (sleeper(tmp_path, "a"), sleeper(tmp_path, "b", "a"))
    async with running_stack(
        tmp_path, lambda: _stack(*specs), on_event=on_event, rng=random.Random(1)
    ) as running:
        state = read_state(tmp_path)

        assert state is not None
        assert state.supervisor_pid == os.getpid()
        assert state.addresses == running.stack.addresses == _ADDRESSES
        assert state.processes == running.supervisor.processes

    assert seen == [
        ("Started", "a", ["starting", "waiting"]),
        ("Ready", "a", ["ready", "waiting"]),
        ("Started", "b", ["ready", "starting"]),
        ("Ready", "b", ["ready", "ready"]),
        ("Stopped", "b", ["ready", "stopped"]),
        ("Stopped", "a", ["stopped", "stopped"]),
    ]
    assert read_state(tmp_path) is None


async def test_the_folder_is_locked_before_the_stack_is_built(tmp_path: Path) -> None:
    built: list[int] = []

    def build() -> Stack:
        built.append(1)
        return _stack()

    with folder_lock(tmp_path), pytest.raises(ConfigurationError, match="is in use"):
        async with running_stack(tmp_path, build, on_event=EventLog(), rng=random.Random(1)):
            pass

    assert not built


async def test_a_build_that_fails_frees_the_folder(tmp_path: Path) -> None:
    def build() -> Stack:
        raise ConfigurationError("port 1 is taken")

    with pytest.raises(ConfigurationError, match="port 1 is taken"):
        async with running_stack(tmp_path, build, on_event=EventLog(), rng=random.Random(1)):
            pass

    with folder_lock(tmp_path):
        assert read_state(tmp_path) is None


async def test_a_start_that_fails_leaves_neither_state_nor_lock(tmp_path: Path) -> None:
    doomed = replace(sleeper(tmp_path, "doomed", code=DIE), ready=TcpOpen("127.0.0.1", _free()))
    with pytest.raises(UnavailableError, match="no luck"):
        async with running_stack(tmp_path, lambda: _stack(doomed), on_event=EventLog(), rng=random.Random(1)):
            pass

    with folder_lock(tmp_path):
        assert read_state(tmp_path) is None


async def test_a_stop_while_starting_skips_the_body(tmp_path: Path) -> None:
    stop = StopRequest()
    never = replace(sleeper(tmp_path, "never"), ready=TcpOpen("127.0.0.1", _free()), ready_deadline_s=600)

    def stop_once_started(event: ProcessEvent) -> None:
        if isinstance(event, Started):
            stop.ask()

    entered = False
    with pytest.raises(StartInterruptedError):
        async with running_stack(
            tmp_path, lambda: _stack(never), on_event=stop_once_started, rng=random.Random(1), stop=stop
        ):
            entered = True

    assert not entered
    assert read_state(tmp_path) is None


async def test_hooks_run_around_each_start_in_order(tmp_path: Path) -> None:
    log, order = EventLog(), list[str]()

    async def before(spec: ProcessSpec) -> None:
        await asyncio.sleep(0)
        order.append(f"before {spec.name}, started {log.names(Started)}")

    async def after(spec: ProcessSpec) -> None:
        await asyncio.sleep(0)
        order.append(f"after {spec.name}, ready {log.names(Ready)}")

    specs = (sleeper(tmp_path, "a"), sleeper(tmp_path, "b", "a"))
    async with running_stack(
        tmp_path,
        lambda: _stack(*specs),
        on_event=log,
        rng=random.Random(1),
        before_start=before,
        after_ready=after,
    ):
        pass

    assert order == [
        "before a, started []",
        "after a, ready []",
        "before b, started ['a']",
        "after b, ready ['a']",
    ]


async def test_an_error_in_the_body_stops_everything(tmp_path: Path) -> None:
    log = EventLog()
    with pytest.raises(ZeroDivisionError):
        async with running_stack(
            tmp_path, lambda: _stack(sleeper(tmp_path, "a")), on_event=log, rng=random.Random(1)
        ):
            raise ZeroDivisionError

    assert [type(event).__name__ for event in log.events] == ["Started", "Ready", "Stopped"]
    assert read_state(tmp_path) is None
