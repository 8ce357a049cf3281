"""Small real processes, a clock that only passes when asked to wait, and a log of what a supervisor says."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from infra.local.clock import Clock
from infra.local.events import ProcessEvent
from infra.local.process import ProcessSpec
from infra.local.supervisor import Supervisor

E = TypeVar("E", bound=object)

SLEEP = "import time; print('up'); time.sleep(600)"
IGNORE_TERM = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"
# Dies once the file `go` is exists, so that a test decides when.
DIE_ON_GO = """import os, sys, time
while not os.path.exists({go!r}): time.sleep(0.01)
print('no luck'); sys.exit(3)"""
DIE = "import sys; print('no luck'); sys.exit(3)"


def python(code: str) -> tuple[str, ...]:
    """The command line of a small program; -S for a quick start."""
    return (sys.executable, "-S", "-u", "-c", code)


def sleeper(folder: Path, name: str, *needs: str, code: str = SLEEP) -> ProcessSpec:
    return ProcessSpec(name=name, argv=python(code), log_file=folder / f"{name}.log", depends_on=needs)


class FakeClock:
    """Time that passes only between restarts."""

    def __init__(self) -> None:
        self.t = 1_000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.t += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(
            monotonic=lambda: self.t, now=lambda: datetime.fromtimestamp(self.t, UTC), sleep=self.sleep
        )


class EventLog:
    """Collects events and waits for one."""

    def __init__(self) -> None:
        self.events: list[ProcessEvent] = []
        self._more = asyncio.Event()

    def __call__(self, event: ProcessEvent) -> None:
        self.events.append(event)
        self._more.set()

    def of(self, kind: type[E], name: str | None = None) -> list[E]:
        return [e for e in self.events if isinstance(e, kind) and name in (None, getattr(e, "name", None))]

    def names(self, kind: type[object]) -> list[str]:
        return [event.name for event in self.events if isinstance(event, kind)]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._more.clear()
                await self._more.wait()


def eventually(condition: Callable[[], bool]) -> bool:
    """Polls for at most 30 s. Blocks."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def kill(supervisor: Supervisor, name: str) -> None:
    """Kill -9 one of its processes."""
    (pid,) = (process.pid for process in supervisor.processes if process.name == name)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
