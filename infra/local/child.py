"""One running child process: started tethered, in its own session, its output in a log file."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from infra.local.log_file import last_lines, open_log
from infra.local.process import ProcessSpec
from infra.local.tether import tethered

__all__ = ["Child", "spawn"]


class Child:
    """A process that was started and is waited for here, so that it never stays a zombie."""

    def __init__(self, spec: ProcessSpec, process: asyncio.subprocess.Process, started: float) -> None:
        self._spec = spec
        self._process = process
        self.started = started

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Exit status, minus the signal that ended it, or None while it runs."""
        return self._process.returncode

    def last_lines(self) -> str:
        return last_lines(self._spec.log_file)

    async def wait(self) -> int:
        """Waits for its end, then kills what it left in its process group. Returns the exit status."""
        code = await self._process.wait()
        self.kill()
        return code

    async def stop(self, deadline_s: float) -> bool:
        """Asks it to stop; kills the whole group after `deadline_s` seconds. True when that was needed."""
        if self.code is None:
            self._signal(self._spec.stop_signal)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), deadline_s)
        self.kill()
        return await self._process.wait() == -signal.SIGKILL

    def kill(self) -> None:
        """Kills the whole process group at once; whoever waits for it then returns."""
        # The group's id is the child's pid. The kernel keeps that number for as long as the group has a member.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def spawn(spec: ProcessSpec, *, mark: dict[str, str], started: float) -> Child:
    """Starts `spec` with `mark` added to its environment. Does not wait until it is ready.

    A session of its own keeps the terminal's Ctrl-C away from it: the supervisor decides the order of stopping.
    Must run in a thread that lives as long as the process (see tether).
    """
    log = open_log(spec.log_file)
    try:
        process = await asyncio.create_subprocess_exec(
            *tethered(spec.argv),
            env={**os.environ, **spec.env, **mark},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    finally:
        os.close(log)
    return Child(spec, process, started)
