"""Runs a stack from a data folder: locked, swept, supervised, and told about in state.json."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infra.local.backoff import RestartPolicy
from infra.local.clock import SYSTEM_CLOCK, Clock
from infra.local.events import ProcessEvent
from infra.local.keeper import Hook
from infra.local.leftovers import kill_leftovers, mark_of
from infra.local.lock import folder_lock
from infra.local.process import ProcessSpec
from infra.local.procfs import start_ticks
from infra.local.stack import Stack
from infra.local.state import StackState, remove_state, write_state
from infra.local.stop_request import StopRequest
from infra.local.supervisor import Supervisor

__all__ = ["Running", "running_stack"]


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that is up: what it consists of, and its supervisor."""

    stack: Stack
    supervisor: Supervisor


async def _nothing(_spec: ProcessSpec) -> None:
    return


@asynccontextmanager
async def running_stack(  # noqa: PLR0913 - each is a port of its own
    data_dir: Path,
    build: Callable[[], Stack],
    *,
    on_event: Callable[[ProcessEvent], None],
    rng: random.Random,
    clock: Clock = SYSTEM_CLOCK,
    policy: RestartPolicy = RestartPolicy(),  # noqa: B008 - frozen
    before_start: Hook = _nothing,
    after_ready: Hook = _nothing,
    stop: StopRequest | None = None,
) -> AsyncIterator[Running]:
    """Starts the stack that `build` makes (called in a thread, under the folder's lock); stops it on leaving.

    What a killed stack left behind in this folder is killed first. state.json is written whenever something
    happens, and removed at the end. Leaving takes 10 s at most.

    Raises:
        ConfigurationError: another stack runs from this folder, or what `build` raises.
        UnavailableError: a process did not become ready (see Supervisor).
        StartInterruptedError: `stop` was asked before everything was ready.
    """
    with folder_lock(data_dir):
        kill_leftovers(data_dir)
        stack = await asyncio.to_thread(build)
        journal = _Journal(data_dir, stack, clock.now(), on_event)
        supervisor = Supervisor(
            stack.specs,
            on_event=journal,
            rng=rng,
            clock=clock,
            policy=policy,
            before_start=before_start,
            after_ready=after_ready,
            mark=mark_of(data_dir),
            stop=stop,
        )
        with journal.following(supervisor):
            async with supervisor:
                yield Running(stack, supervisor)


class _Journal:
    """Writes state.json at every event, then passes the event on."""

    def __init__(
        self, data_dir: Path, stack: Stack, started_at: datetime, on_event: Callable[[ProcessEvent], None]
    ) -> None:
        self._data_dir = data_dir
        self._stack = stack
        self._started_at = started_at
        self._on_event = on_event
        self._supervisor: Supervisor | None = None

    @contextmanager
    def following(self, supervisor: Supervisor) -> Iterator[None]:
        """Keep state.json from now on, and remove it in the end."""
        self._supervisor = supervisor
        self._write()
        try:
            yield
        finally:
            remove_state(self._data_dir)

    def __call__(self, event: ProcessEvent) -> None:
        self._write()
        self._on_event(event)

    def _write(self) -> None:
        pid = os.getpid()
        state = StackState(
            supervisor_pid=pid,
            supervisor_ticks=start_ticks(pid) or 0,
            started_at=self._started_at,
            broker=self._stack.broker,
            addresses=self._stack.addresses,
            processes=self._supervisor.processes if self._supervisor else (),
        )
        write_state(self._data_dir, state)
