"""The real stack as a user runs it, and the command line as a program reads it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from infra.cli.main import app
from infra.local.down import take_down
from infra.local.procfs import is_alive
from infra.local.state import StackState, read_state
from schemas.errors import TocsinError

__all__ = ["RunningStack", "running", "start", "until"]

_STARTS_WITHIN_S = 120.0
_POLL_S = 0.1
_ENVIRONMENT = {"TOCSIN_INVESTIGATE__DATA_WAIT_S": "1"}
"""Investigations need not wait long for data that never comes."""

Json = Any  # what a command prints


def until(met: Callable[[], Json], what: str, within_s: float = 60.0) -> Json:
    """Ask until the answer is true, and return it. A service that is away meanwhile is asked again."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            answer = met()
        except TocsinError as error:
            answer, what = None, f"{what} ({error})"
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not come within {within_s} s"
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True)
class RunningStack:
    """`tocsin up` as a child; `tocsin(...)` runs another command against it, in this process, which is quicker."""

    data_dir: Path
    process: subprocess.Popen[bytes]

    def tocsin(self, *arguments: str, status: int = 0) -> list[Json]:
        """Run a command with --json; returns what it prints, a value a line. Raises the command's own TocsinError."""
        done = CliRunner().invoke(app, [*arguments, "--json"], env={"TOCSIN_DATA_DIR": str(self.data_dir)})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == status, f"{arguments}: {done.exit_code}\n{done.output}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def messages(self, topic: str) -> int:
        """How many messages the topic holds."""
        (topics,) = self.tocsin("topics")
        return int(next(one["messages"] for one in topics if one["topic"] == topic))

    def state(self) -> StackState:
        state = read_state(self.data_dir)
        assert state is not None
        return state

    def kill(self, name: str) -> None:
        """Kill -9 one process of the stack and wait until another has taken its place."""
        before = next(one for one in self.state().processes if one.name == name)
        assert before.pid is not None
        os.kill(before.pid, signal.SIGKILL)

        def is_back() -> bool:
            now = next(one for one in self.state().processes if one.name == name)
            return now.status == "ready" and now.pid not in (None, before.pid)

        until(is_back, f"another {name}", _STARTS_WITHIN_S)

    def alive(self) -> set[str]:
        """Return which processes of the stack run."""
        state = self.state()
        named = {"supervisor": (state.supervisor_pid, state.supervisor_ticks)}
        named |= {
            one.name: (one.pid, one.start_ticks)
            for one in state.processes
            if one.pid is not None and one.start_ticks is not None
        }
        return {name for name, who in named.items() if is_alive(*who)}


def start(data_dir: Path, environment: Mapping[str, str]) -> RunningStack:
    """Run `tocsin up` and wait until everything is ready."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "up.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "infra.cli.main", "up", "--data", str(data_dir)],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    stack = RunningStack(data_dir, child)

    def is_up() -> bool:
        assert child.poll() is None, (data_dir / "up.log").read_text()
        state = read_state(data_dir)
        return state is not None and all(one.status == "ready" for one in state.processes)

    until(is_up, "the stack", _STARTS_WITHIN_S)
    return stack


@contextmanager
def running(data_dir: Path) -> Iterator[RunningStack]:
    """A stack with this process's settings, taken down at the end."""
    stack = start(data_dir, _ENVIRONMENT)
    try:
        yield stack
    finally:
        take_down(data_dir)
        stack.process.wait(timeout=20)
