"""The parts the stack stands on: log files, the folder's lock, Redis' configuration, the wish to stop, ports."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import stat
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local import log_file, ports
from infra.local.leftovers import kill_leftovers, mark_of
from infra.local.lock import folder_lock
from infra.local.log_file import last_lines, open_log
from infra.local.ports import PortBook
from infra.local.procfs import is_alive, marked_processes, start_ticks
from infra.local.redis_server import redis_binary, redis_spec, redis_url, write_redis_config
from infra.local.stop_request import StopRequest, stop_on_signals
from schemas.errors import ConfigurationError
from tests.unit.infra.process_parts import SLEEP, eventually, python


def append(path: Path, text: bytes) -> None:
    handle = open_log(path)
    os.write(handle, text)
    os.close(handle)


def test_a_log_is_appended_to_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "one.log"
    append(path, b"one\n")
    append(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("above", "rotated"), [(0, False), (1, True)])
def test_a_large_log_is_put_aside_and_one_older_is_kept(
    above: int, rotated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "_ROTATE_ABOVE_BYTES", 10)
    path, older = tmp_path / "one.log", tmp_path / "one.log.1"
    older.write_bytes(b"oldest")
    path.write_bytes(b"x" * (10 + above))
    append(path, b"new")
    assert path.read_bytes() == (b"new" if rotated else b"x" * 10 + b"new")
    assert older.read_bytes() == (b"x" * 11 if rotated else b"oldest")


@given(st.lists(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=30), max_size=30))
def test_the_last_lines_are_the_last_ones(lines: list[str]) -> None:
    path = Path(f"/tmp/tocsin-last-lines-{os.getpid()}.log")
    path.write_text("".join(f"{line}\n" for line in lines))
    try:
        assert last_lines(path) == "\n".join(lines[-12:])
        assert last_lines(path, count=1) == (lines[-1] if lines else "")
    finally:
        path.unlink()


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.log"
    path.write_bytes(b"\xff" * 100_000 + b"\nend\n")
    assert last_lines(path, count=1) == "end"
    assert len(last_lines(path)) <= 8_192
    assert last_lines(tmp_path / "none.log") == ""


def test_a_folder_is_held_by_one_and_the_other_is_told_by_whom(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with folder_lock(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / "stack.lock").read_text() == f"{os.getpid()}\n"
        told = f"in use by the stack of pid {os.getpid()}"
        with pytest.raises(ConfigurationError, match=told) as held, folder_lock(folder):
            pass
        assert f"tocsin down --data {folder}" in held.value.cure
    with folder_lock(folder):
        pass


def test_a_lock_that_says_nothing_is_still_a_lock(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        (tmp_path / "stack.lock").write_text("")
        with pytest.raises(ConfigurationError, match="pid unknown"), folder_lock(tmp_path):
            pass


def test_a_folder_that_is_a_file_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(ConfigurationError, match="cannot be used") as refused, folder_lock(path):
        pass
    assert "--data" in refused.value.cure


def test_redis_listens_here_only_and_keeps_its_password_to_itself(tmp_path: Path) -> None:
    path = write_redis_config(tmp_path / "redis", port=7001, password='p"\\w')
    lines = path.read_text().splitlines()
    assert "bind 127.0.0.1" in lines
    assert "port 7001" in lines
    assert "appendonly yes" in lines
    assert r'requirepass "p\"\\w"' in lines
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_old_configuration_with_a_wider_mode_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "redis.conf").write_text("old")
    (tmp_path / "redis.conf").chmod(0o644)
    path = write_redis_config(tmp_path, port=1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "requirepass" not in path.read_text()


@pytest.mark.parametrize("password", ["a\nb", "a\0b"])
def test_a_password_that_would_end_its_line_is_refused(password: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line break"):
        write_redis_config(tmp_path, port=1, password=password)
    assert not (tmp_path / "redis.conf").exists()


@given(st.text(min_size=1, max_size=20))
def test_a_password_survives_its_address(password: str) -> None:
    found = urlparse(redis_url(7001, password=password))
    assert unquote(found.password or "") == password
    assert (found.hostname, found.port, found.path) == ("127.0.0.1", 7001, "/0")


def test_a_server_without_a_password_has_a_plain_address() -> None:
    assert redis_url(7001) == "redis://127.0.0.1:7001/0"


def test_the_password_is_not_on_the_command_line(tmp_path: Path) -> None:
    spec = redis_spec(tmp_path, port=7001, log_file=tmp_path / "redis.log", password="s3cret")
    assert not any("s3cret" in word for word in spec.argv)
    assert spec.argv[1] == str((tmp_path / "redis.conf").resolve())
    assert (spec.name, spec.ports) == ("redis", (7001,))


def test_the_systems_redis_does_where_the_wheel_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/redis-server")
    assert redis_binary() == Path("/usr/bin/redis-server")
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(ConfigurationError, match="no redis-server found") as missing:
        redis_binary()
    assert "tocsin[local]" in missing.value.cure


def test_the_second_wish_to_stop_is_urgent() -> None:
    request = StopRequest()
    seen = [(request.asked.is_set(), request.urgent.is_set())]
    for _ in range(3):
        request.ask()
        seen.append((request.asked.is_set(), request.urgent.is_set()))
    assert seen == [(False, False), (True, False), (True, True), (True, True)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_ask_while_they_are_listened_to(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as request:
        for wish in (request.asked, request.urgent):
            os.kill(os.getpid(), number)
            await asyncio.wait_for(wish.wait(), 30)
    assert signal.getsignal(number) in (before, signal.default_int_handler, signal.SIG_DFL)


def test_a_process_is_known_by_pid_and_start() -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    assert is_alive(os.getpid(), ticks)
    assert not is_alive(os.getpid(), ticks + 1), "the pid was given to another"
    child = subprocess.Popen(python("pass"))
    assert eventually(lambda: start_ticks(child.pid) is None), "a zombie does not run"
    child.wait()
    assert start_ticks(child.pid) is None


def test_only_processes_with_the_folders_mark_are_swept(tmp_path: Path) -> None:
    mine, theirs = mark_of(tmp_path / "mine"), mark_of(tmp_path / "theirs")
    children = [subprocess.Popen(python(SLEEP), env={**os.environ, **mark}) for mark in (mine, theirs)]
    try:
        (name, value), *_ = mine.items()
        assert eventually(lambda: children[0].pid in marked_processes(name, value))
        assert kill_leftovers(tmp_path / "mine") == (children[0].pid,)
        assert children[0].wait(30) == -signal.SIGKILL
        assert children[1].poll() is None
        assert kill_leftovers(tmp_path / "mine") == ()
    finally:
        for child in children:
            child.kill()
            child.wait()


class Stuck(random.Random):
    """Always the same port."""

    def randint(self, a: int, b: int) -> int:
        return a


def test_where_no_port_is_free_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_bind_error", lambda _host, _port: errno.EADDRINUSE)
    with pytest.raises(ConfigurationError, match=r"no free port found between 20000 and \d+") as none:
        PortBook(random.Random(1)).free()
    assert "Name the ports" in none.value.cure


def test_a_port_is_given_once_even_if_it_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_bind_error", lambda _host, _port: None)
    book = PortBook(Stuck())
    assert book.free() == 20_000
    with pytest.raises(ConfigurationError, match="no free port"):
        book.free()
    with pytest.raises(ConfigurationError, match="already used by another part"):
        book.claim(20_000, purpose="Redis")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.EACCES, "this user may not bind it"),
        (errno.EADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (errno.EADDRINUSE, "another process listens on it"),
        (99_999, "99999"),
    ],
)
def test_why_a_port_cannot_be_used_is_said(code: int, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_bind_error", lambda _host, _port: code)
    monkeypatch.setattr(ports, "listener_of", lambda _port: None)
    with pytest.raises(ConfigurationError, match=f"port 81 for Redis cannot be used: {told}"):
        PortBook(random.Random(1)).choose(81, purpose="Redis")


@pytest.mark.parametrize("text", ["", "garbage", "x y"])
def test_an_unreadable_range_of_ports_has_a_default(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "range"
    path.write_text(text)
    monkeypatch.setattr(ports, "_EPHEMERAL_RANGE", path)
    assert ports._ephemeral_start() == 32_768
    path.write_text("40000 60999\n")
    assert ports._ephemeral_start() == 40_000
    monkeypatch.setattr(ports, "_EPHEMERAL_RANGE", tmp_path / "none")
    assert ports._ephemeral_start() == 32_768
