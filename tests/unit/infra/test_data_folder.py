"""Lock, state, leftovers and log files of a data folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.down import NothingRan, WasStale, take_down
from infra.local.leftovers import kill_leftovers, mark_of
from infra.local.lock import folder_lock
from infra.local.log_file import last_lines, open_log
from infra.local.procfs import is_alive, start_ticks
from infra.local.state import (
    Addresses,
    ProcessState,
    StackState,
    read_state,
    remove_state,
    state_file,
    write_state,
)
from schemas.errors import ConfigurationError
from tests.unit.infra.process_parts import SLEEP, eventually, python


def _state(folder: Path, *, pid: int, ticks: int) -> StackState:
    process = ProcessState(
        name="redis",
        status="ready",
        pid=7,
        start_ticks=9,
        ports=(6379,),
        since=datetime(2026, 1, 1, tzinfo=UTC),
        restarts=2,
        log_file=folder / "redis.log",
    )
    addresses = Addresses(
        kafka="127.0.0.1:1",
        redis_url="redis://127.0.0.1:2/0",
        clickhouse_url="http://127.0.0.1:3",
        sqlite_path=folder / "t.db",
    )
    return StackState(
        supervisor_pid=pid,
        supervisor_ticks=ticks,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        broker="tansu",
        addresses=addresses,
        processes=(process,),
    )


def test_a_second_holder_is_refused_with_the_first_ones_pid_and_a_cure(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path),
        pytest.raises(ConfigurationError, match=f"pid {os.getpid()}") as caught,
        folder_lock(tmp_path),
    ):
        pass

    assert f"tocsin down --data {tmp_path}" in caught.value.cure


def test_the_lock_is_free_again_afterwards_and_is_not_inherited(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        child = subprocess.Popen(python(SLEEP))
    try:
        with folder_lock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(ConfigurationError, match="file/data cannot be used: Not a directory"),
        folder_lock(tmp_path / "file" / "data"),
    ):
        pass


def test_state_is_written_whole_private_and_read_back(tmp_path: Path) -> None:
    state = _state(tmp_path, pid=os.getpid(), ticks=start_ticks(os.getpid()) or 0)

    write_state(tmp_path, state)

    assert read_state(tmp_path) == state
    assert state.is_running()
    assert stat.S_IMODE(state_file(tmp_path).stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_without_a_state_nothing_ran(tmp_path: Path) -> None:
    remove_state(tmp_path)

    assert read_state(tmp_path) is None
    assert take_down(tmp_path) == NothingRan()


def test_a_state_of_another_make_is_refused_with_a_cure(tmp_path: Path) -> None:
    state_file(tmp_path).write_text('{"version": 2}')

    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        read_state(tmp_path)

    assert "delete that file" in caught.value.cure


def test_a_pid_given_to_another_process_is_not_taken_for_the_old_one() -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None

    assert is_alive(os.getpid(), ticks)
    assert not is_alive(os.getpid(), ticks - 1)


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", ""])

    assert eventually(lambda: start_ticks(child.pid) is None)
    assert child.wait() == 0


def test_a_stale_stack_is_cleaned_with_what_it_left(tmp_path: Path) -> None:
    child = subprocess.Popen(python(SLEEP), env={**os.environ, **mark_of(tmp_path)}, start_new_session=True)
    other = subprocess.Popen(python(SLEEP), env={**os.environ, **mark_of(tmp_path / "other")})
    try:
        write_state(tmp_path, _state(tmp_path, pid=os.getpid(), ticks=1))
        assert eventually(lambda: b"TOCSIN_STACK" in Path(f"/proc/{child.pid}/environ").read_bytes())

        assert take_down(tmp_path) == WasStale(os.getpid(), (child.pid,))
        assert child.wait(30) == -9
        assert other.poll() is None
        assert read_state(tmp_path) is None
        assert kill_leftovers(tmp_path) == ()
    finally:
        for process in (child, other):
            process.kill()
            process.wait()


def test_a_log_is_appended_to_and_its_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x.log"
    for text in ("one\n", "two\nthree\n"):
        handle = open_log(path)
        os.write(handle, text.encode())
        os.close(handle)

    assert last_lines(path, count=2) == "two\nthree"
    assert last_lines(tmp_path / "none") == ""


def test_a_large_log_becomes_the_older_generation(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with path.open("wb") as file:
        file.truncate(20_000_001)

    os.close(open_log(path))

    assert path.stat().st_size == 0
    assert (tmp_path / "x.log.1").stat().st_size == 20_000_001
