"""The stack with real servers: kills, second starts, stops from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis

from infra.local.down import NothingRan, StoppedForced, StoppedNicely, WasStale, take_down
from infra.local.procfs import is_alive, start_ticks
from infra.local.reachability import why_no_clickhouse, why_no_kafka, why_no_redis
from infra.local.state import read_state
from tests.integration.infra.local.stack_runs import child, living, start, state_of
from tests.unit.infra.process_parts import eventually

pytestmark = [pytest.mark.broker, pytest.mark.redis]


def _kill_child(data_dir: Path, name: str) -> None:
    pid = child(data_dir, name).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _is_ready_again(data_dir: Path, name: str) -> bool:
    process = child(data_dir, name)
    return process.status == "ready" and process.restarts > 0


def test_state_tells_where_everything_is(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        state = state_of(tmp_path)

        assert state.supervisor_pid == run.pid
        assert state.is_running()
        assert [process.name for process in state.processes] == ["broker", "redis", "land", "api"]
        for process in state.processes:
            assert process.pid is not None
            assert process.start_ticks is not None
            assert is_alive(process.pid, process.start_ticks)
        assert why_no_kafka(state.addresses.kafka) is None
        assert why_no_redis(state.addresses.redis_url) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_within_ten_seconds(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path) as run:
        pids = _all_forked(tmp_path)
        began = time.monotonic()
        run.send_signal(number)

        assert run.wait(60) == 0
        assert time.monotonic() - began < 10
        assert not any(map(start_ticks, pids))
        assert read_state(tmp_path) is None


def test_kill_9_of_the_supervisor_leaves_no_child(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        pids = _all_forked(tmp_path)
        children = {process.pid for process in state_of(tmp_path).processes if process.pid is not None}
        run.kill()
        run.wait()

        assert eventually(lambda: not any(map(start_ticks, children)))
        # What the children themselves forked is beyond the tether: `down` and the next `up` sweep it.
        assert take_down(tmp_path) == WasStale(run.pid, tuple(sorted(pids - children)))
        assert eventually(lambda: not any(map(start_ticks, pids)))


def test_after_kill_9_the_next_start_sweeps_and_keeps_the_data(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        with redis.Redis.from_url(state_of(tmp_path).addresses.redis_url) as client:
            client.set("budget", 42)
        _all_forked(tmp_path)
        run.kill()
        run.wait()
        orphans = living(tmp_path)
        assert orphans

        with start(tmp_path):
            assert not orphans & living(tmp_path)
            with redis.Redis.from_url(state_of(tmp_path).addresses.redis_url) as client:
                assert client.get("budget") == b"42"


def test_a_second_start_from_the_same_folder_is_refused(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        with pytest.raises(AssertionError, match="it ended with 1"), start(tmp_path / "." / ""):
            pass
        # the refused one must not have touched what runs
        assert run.poll() is None
        assert state_of(tmp_path).supervisor_pid == run.pid


def test_killed_servers_come_back_on_their_ports(tmp_path: Path) -> None:
    with start(tmp_path):
        addresses = state_of(tmp_path).addresses
        for name in ("redis", "broker"):
            _kill_child(tmp_path, name)
        for name in ("redis", "broker"):
            assert eventually(lambda name=name: _is_ready_again(tmp_path, name))  # type: ignore[misc]  # bound now

        assert state_of(tmp_path).addresses == addresses
        assert why_no_kafka(addresses.kafka) is None
        assert why_no_redis(addresses.redis_url) is None


def test_roles_are_restarted_when_the_brokers_memory_is_gone(tmp_path: Path) -> None:
    with start(tmp_path):
        before = child(tmp_path, "land").pid
        _kill_child(tmp_path, "broker")

        assert eventually(lambda: _is_ready_again(tmp_path, "land") and _is_ready_again(tmp_path, "api"))
        assert child(tmp_path, "land").pid != before
        assert child(tmp_path, "redis").restarts == 0


def test_down_stops_a_stack_nicely(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        assert eventually(lambda: read_state(tmp_path) is not None)
        outcome = _take_down_reaping(tmp_path, run)

        assert outcome == StoppedNicely(run.pid)
        assert living(tmp_path) == set()
    assert take_down(tmp_path) == NothingRan()


def test_down_kills_a_supervisor_that_hangs(tmp_path: Path) -> None:
    with start(tmp_path) as run:
        run.send_signal(signal.SIGSTOP)
        outcome = take_down(tmp_path, deadline_s=0.5)

        assert outcome == StoppedForced(run.pid)
        assert eventually(lambda: living(tmp_path) == set())
        assert read_state(tmp_path) is None


@pytest.mark.clickhouse
def test_with_the_clickhouse_front_all_three_servers_answer(tmp_path: Path) -> None:
    with start(tmp_path, "--front") as run:
        addresses = state_of(tmp_path).addresses

        assert why_no_kafka(addresses.kafka) is None
        assert why_no_redis(addresses.redis_url) is None
        assert why_no_clickhouse(addresses.clickhouse_url) is None
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 0


def _all_forked(data_dir: Path) -> set[int]:
    """All pids, once each of the two roles has forked. Redis writes its title over its environment, and so its mark."""
    assert eventually(lambda: len(living(data_dir)) == 5)
    return living(data_dir) | {process.pid for process in state_of(data_dir).processes if process.pid}


def _take_down_reaping(data_dir: Path, run: subprocess.Popen[str]) -> object:
    """`take_down`, which sees a zombie as ended, so that this test's own child need not be waited for first."""
    outcome = take_down(data_dir)
    assert run.wait(60) == 0
    return outcome
