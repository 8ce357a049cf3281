"""A real ClickHouse for tests: chDB behind the HTTP front, as its own process."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.ports import PortBook
from infra.local.tether import tethered

__all__ = ["ClickHouseServer", "start_clickhouse"]

_READY_S = 60.0
_STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class ClickHouseServer:
    """Where it listens; `process` is for tests that kill it, or look at its output."""

    host: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait(_STOP_S)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S)


@contextmanager
def start_clickhouse(
    data_dir: Path,
    *,
    port: int | None = None,
    arguments: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[ClickHouseServer]:
    """Yields a server that keeps its data in `data_dir`, ready to answer; stopped (or killed) at the end.

    A port is found unless given. The same `data_dir` may be served again later, never twice at once.
    """
    chosen = PortBook(random.SystemRandom()).free() if port is None else port
    command = [sys.executable, "-m", "infra.local.clickhouse_front", "--data", str(data_dir)]
    command += ["--host", "127.0.0.1", "--port", str(chosen), *arguments]
    process = subprocess.Popen(
        tethered(command),
        env={**os.environ, **(environment or {})},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    server = ClickHouseServer("127.0.0.1", chosen, process)
    try:
        _wait_ready(process)
        yield server
    finally:
        _end(server)


def _wait_ready(process: subprocess.Popen[bytes]) -> None:
    """Its first line says it is ready; a process that neither says so nor ends is killed after a minute."""
    assert process.stdout is not None
    watchdog = threading.Timer(_READY_S, process.kill)
    watchdog.start()
    try:
        line = process.stdout.readline()
    finally:
        watchdog.cancel()
    if not line or json.loads(line)["event"] != "clickhouse_front.ready":
        process.kill()
        raise RuntimeError(f"the ClickHouse front is not ready (exit code {process.wait()}): {line!r}")


def _end(server: ClickHouseServer) -> None:
    if server.process.poll() is None:
        try:
            server.stop()
        except subprocess.TimeoutExpired:
            server.kill()
    if server.process.stdout is not None:
        server.process.stdout.close()
