from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.events import Ready, Started, Stopped
from infra.local.ports import PortBook
from infra.local.probes import HttpOk, TcpOpen
from infra.local.process import ProcessSpec
from infra.local.procfs import start_ticks
from infra.local.stop_request import StopRequest
from infra.local.supervisor import StartInterruptedError, Supervisor
from schemas.errors import UnavailableError
from tests.unit.infra.process_parts import DIE, IGNORE_TERM, SLEEP, EventLog, eventually, sleeper

_LISTEN = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); s.listen(); time.sleep(600)"


def _supervisor(log: EventLog, *specs: ProcessSpec, stop: StopRequest | None = None) -> Supervisor:
    return Supervisor(specs, on_event=log, rng=random.Random(1), stop=stop)


async def test_processes_start_after_and_stop_before_what_they_need(tmp_path: Path) -> None:
    log = EventLog()
    specs = (
        sleeper(tmp_path, "role", "broker", "redis"),
        sleeper(tmp_path, "broker"),
        sleeper(tmp_path, "redis", "broker"),
    )
    async with _supervisor(log, *specs) as supervisor:
        assert [p.status for p in supervisor.processes] == ["ready"] * 3
        pids = [p.pid for p in supervisor.processes]

    assert log.names(Ready) == ["broker", "redis", "role"]
    assert log.names(Stopped) == ["role", "redis", "broker"]
    assert not any(event.forced for event in log.of(Stopped))
    assert all(pid is not None and start_ticks(pid) is None for pid in pids)
    assert [p.status for p in supervisor.processes] == ["stopped"] * 3


async def test_what_takes_in_what_others_leave_stops_after_them(tmp_path: Path) -> None:
    log = EventLog()
    specs = (
        sleeper(tmp_path, "broker"),
        replace(sleeper(tmp_path, "land", "broker"), ends_after=("stream", "api")),
        sleeper(tmp_path, "stream", "broker"),
        sleeper(tmp_path, "api", "broker"),
    )
    async with _supervisor(log, *specs):
        pass
    stopped = log.names(Stopped)
    assert stopped[2:] == ["land", "broker"]
    assert sorted(stopped[:2]) == ["api", "stream"]


async def test_a_chain_whose_first_ignores_the_signal_leaves_time_to_what_takes_in_the_rest(
    tmp_path: Path,
) -> None:
    log = EventLog()
    deaf = replace(sleeper(tmp_path, "stream", "broker", code=IGNORE_TERM), stop_deadline_s=60.0)
    specs = (
        sleeper(tmp_path, "broker"),
        replace(sleeper(tmp_path, "land", "broker"), ends_after=("stream",)),
        deaf,
    )
    supervisor = Supervisor(specs, on_event=log, rng=random.Random(1), stop_within_s=3.0)
    async with supervisor:
        await _said(deaf, "up")
    assert {one.name: one.forced for one in log.of(Stopped)} == {
        "stream": True,
        "land": False,
        "broker": False,
    }


async def test_what_needs_nothing_of_each_other_starts_together(tmp_path: Path) -> None:
    log = EventLog()
    async with _supervisor(log, sleeper(tmp_path, "a"), sleeper(tmp_path, "b")):
        kinds = [type(event) for event in log.events]

    assert kinds == [Started, Started, Ready, Ready]


async def test_a_process_is_ready_only_when_its_probe_succeeds(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    spec = sleeper(tmp_path, "server", code=_LISTEN.format(port=port))
    log = EventLog()
    async with _supervisor(log, replace(spec, ready=TcpOpen("127.0.0.1", port), ports=(port,))) as supervisor:
        (state,) = supervisor.processes

    assert state.ports == (port,)
    assert log.of(Ready)[0].after_s > 0


async def test_a_process_that_is_never_ready_fails_the_start_by_name(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    spec = replace(
        sleeper(tmp_path, "deaf"), ready=HttpOk("127.0.0.1", port), ready_deadline_s=0.5, cure="Turn it on."
    )
    log = EventLog()
    with pytest.raises(UnavailableError, match=r"deaf: not ready after 0.5 s: .*refused") as caught:
        await _supervisor(log, spec, sleeper(tmp_path, "other")).__aenter__()

    assert caught.value.cure == "Turn it on."
    assert log.names(Stopped) == ["other"]


async def test_a_process_that_ends_before_it_is_ready_fails_the_start_with_its_last_words(
    tmp_path: Path,
) -> None:
    port = PortBook(random.SystemRandom()).free()
    spec = replace(sleeper(tmp_path, "doomed", code=DIE), ready=TcpOpen("127.0.0.1", port))
    with pytest.raises(UnavailableError, match=r"doomed: it ended with status 3 .*\n.*\nno luck"):
        await _supervisor(EventLog(), spec).__aenter__()


async def test_a_command_that_does_not_exist_fails_the_start_by_name(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    spec = replace(sleeper(tmp_path, "ghost"), argv=("/no/such/program",), ready=TcpOpen("127.0.0.1", port))
    with pytest.raises(UnavailableError, match=r"status 127 (?s:.*)/no/such/program: No such file"):
        await _supervisor(EventLog(), spec).__aenter__()


async def test_after_ready_runs_before_what_depends_on_it_starts(tmp_path: Path) -> None:
    log = EventLog()
    seen: list[tuple[str, list[str]]] = []

    async def create_topics(spec: ProcessSpec) -> None:
        await asyncio.sleep(0)
        seen.append((spec.name, log.names(Started)))

    specs = (sleeper(tmp_path, "broker"), sleeper(tmp_path, "role", "broker"))
    async with Supervisor(specs, on_event=log, rng=random.Random(1), after_ready=create_topics):
        pass

    assert seen == [("broker", ["broker"]), ("role", ["broker", "role"])]


async def test_a_failing_after_ready_fails_the_start_and_leaves_nothing(tmp_path: Path) -> None:
    async def refuse(spec: ProcessSpec) -> None:
        raise UnavailableError(f"no topics on {spec.name}")

    log = EventLog()
    with pytest.raises(UnavailableError, match="no topics on broker"):
        await Supervisor(
            [sleeper(tmp_path, "broker")], on_event=log, rng=random.Random(1), after_ready=refuse
        ).__aenter__()

    assert start_ticks(log.of(Started)[0].pid) is None


async def test_a_process_that_ignores_the_signal_is_killed_at_its_deadline(tmp_path: Path) -> None:
    log = EventLog()
    spec = replace(sleeper(tmp_path, "deaf", code=IGNORE_TERM), stop_deadline_s=0.3)
    async with _supervisor(log, spec):
        await _said(spec, "up")

    assert [event.forced for event in log.of(Stopped)] == [True]


async def test_a_chain_of_processes_that_ignore_the_signal_stops_within_the_total(tmp_path: Path) -> None:
    log = EventLog()
    specs = [
        replace(
            sleeper(tmp_path, f"p{n}", *([f"p{n - 1}"] if n else []), code=IGNORE_TERM), stop_deadline_s=60.0
        )
        for n in range(4)
    ]
    supervisor = Supervisor(specs, on_event=log, rng=random.Random(1), stop_within_s=2.0)
    async with supervisor:
        for spec in specs:
            await _said(spec, "up")
        began = time.monotonic()

    assert time.monotonic() - began < 10
    assert log.names(Stopped) == ["p3", "p2", "p1", "p0"]
    assert all(event.forced for event in log.of(Stopped))


async def test_a_second_request_kills_at_once(tmp_path: Path) -> None:
    log, stop = EventLog(), StopRequest()
    spec = replace(sleeper(tmp_path, "deaf", code=IGNORE_TERM), stop_deadline_s=500.0)
    supervisor = Supervisor([spec], on_event=log, rng=random.Random(1), stop=stop, stop_within_s=500.0)
    async with asyncio.timeout(60), supervisor:
        await _said(spec, "up")
        stop.ask()
        await supervisor.run()
        asyncio.get_running_loop().call_later(0.1, stop.ask)

    assert [event.forced for event in log.of(Stopped)] == [True]


async def test_a_request_while_starting_stops_the_start(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    log, stop = EventLog(), StopRequest()
    spec = replace(sleeper(tmp_path, "slow"), ready=TcpOpen("127.0.0.1", port), ready_deadline_s=600)
    asyncio.get_running_loop().call_later(0.2, stop.ask)
    with pytest.raises(StartInterruptedError):
        await _supervisor(log, spec, stop=stop).__aenter__()

    assert log.names(Stopped) == ["slow"]


async def test_what_a_process_forked_is_killed_with_it(tmp_path: Path) -> None:
    fork = "import os, time\nif os.fork() == 0: print('child', os.getpid())\ntime.sleep(600)"
    spec = sleeper(tmp_path, "parent", code=fork)
    async with _supervisor(EventLog(), spec):
        text = await _said(spec, "child")

    grandchild = int(text.split()[1])
    assert await _eventually(lambda: start_ticks(grandchild) is None)


async def test_environment_and_mark_reach_the_process(tmp_path: Path) -> None:
    code = f"import os; print(os.environ['A'], os.environ['MARK'], os.environ['HOME'])\n{SLEEP}"
    spec = replace(sleeper(tmp_path, "p", code=code), env={"A": "1"})
    async with Supervisor([spec], on_event=EventLog(), rng=random.Random(1), mark={"MARK": "here"}):
        text = await _said(spec, "up")

    assert text.startswith("1 here /")


async def _said(spec: ProcessSpec, word: str) -> str:
    """The log once it holds `word` followed by a line's end."""
    assert await _eventually(lambda: any(word in line for line in _lines(spec)))
    return spec.log_file.read_text()


def _lines(spec: ProcessSpec) -> list[str]:
    text = spec.log_file.read_text() if spec.log_file.exists() else ""
    return text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]


async def _eventually(condition: Callable[[], bool]) -> bool:
    return await asyncio.to_thread(eventually, condition)
