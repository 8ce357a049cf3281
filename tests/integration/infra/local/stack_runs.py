"""Starts the stack program and looks at what runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.leftovers import kill_leftovers, mark_of
from infra.local.procfs import marked_processes
from infra.local.state import ProcessState, StackState, read_state

__all__ = ["child", "living", "start", "state_of"]

_ROOT = Path(__file__).parents[4]
_PROGRAM = Path(__file__).with_name("stack_program.py")


@contextmanager
def start(data_dir: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Yields the supervisor once all is up; at the end nothing of it is left."""
    run = subprocess.Popen(
        [sys.executable, str(_PROGRAM), str(data_dir), *options],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stdout is not None
        said: list[str] = []
        while (line := run.stdout.readline()) != "up\n":
            assert line, f"it ended with {run.wait()} after {said}"
            said.append(line)
        yield run
    finally:
        run.kill()
        run.wait()
        if run.stdout is not None:
            run.stdout.close()
        kill_leftovers(data_dir)


def state_of(data_dir: Path) -> StackState:
    state = read_state(data_dir)
    assert state is not None
    return state


def child(data_dir: Path, name: str) -> ProcessState:
    (found,) = (process for process in state_of(data_dir).processes if process.name == name)
    return found


def living(data_dir: Path) -> set[int]:
    """Pids of all that runs for this folder, forked ones included, the supervisor excepted."""
    ((name, value),) = mark_of(data_dir).items()
    return set(marked_processes(name, value))
