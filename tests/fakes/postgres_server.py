"""A real PostgreSQL server of Debian's package for tests, in a folder of its own."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg

from infra.local.ports import PortBook
from infra.local.probes import TcpOpen
from infra.local.process import ProcessSpec
from tests.fakes.debian import as_user, debian_program, hand_over
from tests.fakes.server_process import running

__all__ = ["PASSWORD", "PostgresTestServer", "start_postgres"]

PASSWORD = "s:e/c@r%t"
_USER = "postgres"
_QUOTED = "s%3Ae%2Fc%40r%25t"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "log_min_duration_statement": "1s",
}


@dataclass(frozen=True, slots=True)
class PostgresTestServer:
    """A server with the user `tester`, who owns everything, and its password."""

    port: int
    data: Path
    _number: Iterator[int]
    _start: Callable[[], None]
    _stop: Callable[[], None]

    def url(self, database: str = "postgres", user: str = f"tester:{_QUOTED}") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make a database and return its URL."""
        name = self._name()
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def new_schema(self) -> str:
        """Return the URL of what is an empty database to its user, and takes a hundredth of the time and the disk."""
        name = self._name()
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.url()}?options=-c%20search_path%3D{name}"

    def _name(self) -> str:
        return f"test_{next(self._number)}_{uuid4().hex[:8]}"

    def run(self, sql: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(sql)

    def disconnect_all(self) -> None:
        """Break every connection of others, as a restart of the server does."""
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop the server for as long as this is entered; what is in it stays."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def connections_of(self, application: str) -> int:
        return self._count("application_name = %s", application)

    def active(self, application: str) -> int:
        """Return how many of its connections are at a statement."""
        return self._count("application_name = %s AND state = 'active'", application)

    def _count(self, where: LiteralString, application: str) -> int:
        with psycopg.connect(self.url()) as connection:
            sql = "SELECT count(*) FROM pg_stat_activity WHERE " + where  # noqa: S608 - literals only
            row = connection.execute(sql, (application,)).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def start_postgres() -> Iterator[PostgresTestServer]:
    """Yields a fresh server; skips the test where PostgreSQL is not installed. Nothing of it is kept."""
    programs = {name: debian_program(name, "postgresql") for name in ("initdb", "postgres", "pg_ctl")}
    with tempfile.TemporaryDirectory(prefix="tocsin-postgres-") as name:
        folder, data = Path(name), Path(name, "data")
        (folder / "password").write_text(PASSWORD)
        hand_over(folder, _USER)
        # The C locale: a database of another one sorts text differently, which no query of ours depends on.
        _run(programs["initdb"], "-D", f"{data}", "-U", "tester", f"--pwfile={folder / 'password'}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        port = PortBook(random.SystemRandom()).free()
        spec = _spec(programs["postgres"], data, port, folder)

        def stop(mode: str = "fast") -> None:
            _run(programs["pg_ctl"], "stop", "-D", f"{data}", "-m", mode, check=mode == "fast")

        with ExitStack() as stack:

            def start() -> None:
                stack.enter_context(running(spec))
                _wait_until_it_answers(port)

            start()
            try:
                yield PostgresTestServer(port, data, count(1), start, stop)
            finally:
                # Killed alone it would leave its shared memory behind.
                stop("immediate")


def _spec(postgres: str, data: Path, port: int, folder: Path) -> ProcessSpec:
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return ProcessSpec(
        name="postgresql",
        argv=as_user(_USER, (postgres, "-D", str(data), "-p", str(port), *settings)),
        log_file=folder / "postgres.log",
        ready=TcpOpen("127.0.0.1", port),
    )


def _wait_until_it_answers(port: int) -> None:
    """The port is open before the server has started up."""
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://tester:{_QUOTED}@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(
        as_user(_USER, command), capture_output=True, text=True, check=False, timeout=60, cwd="/"
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
