from __future__ import annotations

import asyncio
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.backoff import RestartPolicy
from infra.local.events import Exited, GaveUp, Ready, Restarting, Started, Stopped
from infra.local.process import ProcessSpec
from infra.local.stop_request import StopRequest
from infra.local.supervisor import Supervisor
from schemas.errors import IntegrityError, UnavailableError
from tests.unit.infra.process_parts import DIE_ON_GO, EventLog, FakeClock, kill, sleeper

_POLICY = RestartPolicy(base_s=1.0, cap_s=8.0, max_attempts=5, stable_after_s=30.0)


def _supervisor(log: EventLog, clock: FakeClock, *specs: ProcessSpec) -> Supervisor:
    return Supervisor(specs, on_event=log, rng=random.Random(5), clock=clock.clock(), policy=_POLICY)


def _doomed(folder: Path) -> ProcessSpec:
    return sleeper(folder, "doomed", code=DIE_ON_GO.format(go=str(folder / "go")))


async def test_a_killed_process_is_started_again_and_told_about(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    async with _supervisor(log, clock, sleeper(tmp_path, "worker")) as supervisor:
        kill(supervisor, "worker")
        await log.until(lambda: len(log.of(Ready)) == 2)
        (state,) = supervisor.processes

    assert [type(e) for e in log.events] == [Started, Ready, Exited, Restarting, Started, Ready, Stopped]
    assert log.of(Exited)[0].code == -signal.SIGKILL
    assert log.of(Restarting)[0].because == "it ended with SIGKILL"
    assert (state.status, state.restarts) == ("ready", 1)
    assert state.pid == log.of(Started)[1].pid != log.of(Started)[0].pid


async def test_a_process_that_keeps_dying_is_given_up_after_growing_waits(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    async with _supervisor(log, clock, _doomed(tmp_path)) as supervisor:
        (tmp_path / "go").touch()
        await log.until(lambda: bool(log.of(GaveUp)))
        (state,) = supervisor.processes

    rng = random.Random(5)
    assert clock.slept == [_POLICY.delay_s(n, rng) for n in range(5)]
    assert [event.attempt for event in log.of(Restarting)] == [1, 2, 3, 4, 5]
    assert log.of(GaveUp)[0].attempts == 5
    assert log.of(Exited)[0].last_lines.endswith("no luck")
    assert (state.status, state.pid) == ("gave_up", None)


async def test_having_run_stably_starts_the_count_anew(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    async with _supervisor(log, clock, sleeper(tmp_path, "worker")) as supervisor:
        for times in range(1, 9):
            kill(supervisor, "worker")
            clock.t += _POLICY.stable_after_s
            await log.until(lambda times=times: len(log.of(Ready)) == times + 1)  # type: ignore[misc]  # bound now

    assert {event.attempt for event in log.of(Restarting)} == {1}
    assert not log.of(GaveUp)


async def test_other_processes_go_on_when_one_is_given_up(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    async with _supervisor(log, clock, _doomed(tmp_path), sleeper(tmp_path, "fine")) as supervisor:
        (tmp_path / "go").touch()
        await log.until(lambda: bool(log.of(GaveUp)))
        assert [p.status for p in supervisor.processes if p.name == "fine"] == ["ready"]


async def test_what_depends_on_a_memory_only_process_is_restarted_after_it(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    specs = (
        replace(sleeper(tmp_path, "broker"), memory_only=True),
        sleeper(tmp_path, "role", "broker"),
        sleeper(tmp_path, "redis"),
    )
    async with _supervisor(log, clock, *specs) as supervisor:
        clock.t += 1  # the role is older than the broker's death
        kill(supervisor, "broker")
        await log.until(lambda: len(log.of(Ready, "role")) == 2)

    order = [(type(e), e.name) for e in log.events]
    assert order.index((Stopped, "role")) > _nth(order, (Ready, "broker"), 2)
    assert log.of(Restarting, "role")[0].delay_s == 0
    assert len(log.of(Started, "redis")) == 1


async def test_what_depends_on_a_process_with_a_memory_stays(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    specs = (sleeper(tmp_path, "redis"), sleeper(tmp_path, "role", "redis"))
    async with _supervisor(log, clock, *specs) as supervisor:
        clock.t += 1
        kill(supervisor, "redis")
        await log.until(lambda: len(log.of(Ready, "redis")) == 2)

    assert len(log.of(Started, "role")) == 1


async def test_after_ready_runs_again_after_a_restart(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    prepared: list[str] = []

    async def create_topics(spec: ProcessSpec) -> None:
        await asyncio.sleep(0)
        prepared.append(spec.name)

    supervisor = Supervisor(
        [sleeper(tmp_path, "broker")],
        on_event=log,
        rng=random.Random(1),
        clock=clock.clock(),
        after_ready=create_topics,
    )
    async with supervisor:
        kill(supervisor, "broker")
        await log.until(lambda: len(log.of(Ready)) == 2)

    assert prepared == ["broker", "broker"]


async def test_a_hook_that_fails_at_a_restart_counts_as_a_failed_start(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    fails = {"before": 0, "after": 0}

    async def before(_spec: ProcessSpec) -> None:
        await asyncio.sleep(0)
        fails["before"] += 1
        if fails["before"] == 2:
            raise UnavailableError("no outside broker")

    async def after(_spec: ProcessSpec) -> None:
        await asyncio.sleep(0)
        fails["after"] += 1
        if fails["after"] == 2:
            raise UnavailableError("no topics yet")

    supervisor = Supervisor(
        [sleeper(tmp_path, "role")],
        on_event=log,
        rng=random.Random(1),
        clock=clock.clock(),
        before_start=before,
        after_ready=after,
    )
    async with supervisor:
        kill(supervisor, "role")
        await log.until(lambda: len(log.of(Ready)) == 2)

    assert [e.because for e in log.of(Restarting)] == [
        "it ended with SIGKILL",
        "no outside broker",
        "no topics yet",
    ]
    assert len(log.of(Started)) == 3


async def test_a_dependent_waits_for_what_it_needs_before_it_is_restarted(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    broker = _doomed(tmp_path)
    async with _supervisor(log, clock, broker, sleeper(tmp_path, "role", "doomed")) as supervisor:
        (tmp_path / "go").touch()
        await log.until(lambda: bool(log.of(GaveUp)))
        kill(supervisor, "role")
        await log.until(lambda: bool(log.of(Restarting, "role")))
        status = {process.name: process.status for process in supervisor.processes}

    assert status == {"doomed": "gave_up", "role": "restarting"}
    assert len(log.of(Started, "role")) == 1


async def test_a_defect_in_after_ready_surfaces_in_run(tmp_path: Path) -> None:
    log, clock = EventLog(), FakeClock()
    calls: list[str] = []

    async def breaks_later(spec: ProcessSpec) -> None:
        calls.append(spec.name)
        if len(calls) > 1:
            raise IntegrityError("the catalogue contradicts itself")

    supervisor = Supervisor(
        [sleeper(tmp_path, "broker")],
        on_event=log,
        rng=random.Random(1),
        clock=clock.clock(),
        after_ready=breaks_later,
    )
    async with asyncio.timeout(60), supervisor:
        kill(supervisor, "broker")
        with pytest.raises(IntegrityError, match="contradicts itself"):
            await supervisor.run()


async def test_run_returns_when_a_stop_is_asked(tmp_path: Path) -> None:
    log, stop = EventLog(), StopRequest()
    supervisor = Supervisor([sleeper(tmp_path, "p")], on_event=log, rng=random.Random(1), stop=stop)
    async with asyncio.timeout(60), supervisor:
        asyncio.get_running_loop().call_later(0.05, stop.ask)
        await supervisor.run()

    assert log.names(Stopped) == ["p"]


def _nth(order: list[tuple[type, str]], wanted: tuple[type, str], nth: int) -> int:
    return [index for index, item in enumerate(order) if item == wanted][nth - 1]
