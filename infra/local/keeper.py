"""Keeps one process alive: starts it when what it needs is there, waits until it is ready, restarts it when it dies."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from infra.local.backoff import RestartPolicy
from infra.local.child import Child, spawn
from infra.local.clock import Clock
from infra.local.events import Exited, GaveUp, ProcessEvent, Ready, Restarting, Started, Stopped
from infra.local.probes import attempt
from infra.local.process import ProcessSpec
from infra.local.procfs import start_ticks
from infra.local.state import ProcessState, Status
from schemas.errors import UnavailableError

__all__ = ["Hook", "Keeper", "Tools"]

Hook = Callable[[ProcessSpec], Awaitable[None]]

_PROBE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What keepers share.

    `before_start` is awaited each time before a process starts, `after_ready` each time it became ready and before
    its dependents start; an UnavailableError of theirs counts as a failed start.
    """

    clock: Clock
    rng: random.Random
    policy: RestartPolicy
    on_event: Callable[[ProcessEvent], None]
    before_start: Hook
    after_ready: Hook
    memory_lost: Callable[[str, float], Awaitable[None]]
    mark: Mapping[str, str] = field(default_factory=dict)


class Keeper:
    """One process over its restarts. Used from one event loop only."""

    def __init__(self, spec: ProcessSpec, tools: Tools, needs: tuple[Keeper, ...]) -> None:
        self.spec = spec
        self.up = asyncio.Event()
        self._tools = tools
        self._needs = needs
        self._child: Child | None = None
        self._status: Status = "waiting"
        self._since: datetime | None = None
        self._ready_at = 0.0
        self._restarts = 0
        self._failures = 0
        self._recycling = False

    @property
    def state(self) -> ProcessState:
        """A snapshot for state.json."""
        running = self._child is not None and self._child.code is None
        pid = self._child.pid if self._child and running else None
        return ProcessState(
            name=self.spec.name,
            status=self._status,
            pid=pid,
            start_ticks=start_ticks(pid) if pid else None,
            ports=self.spec.ports,
            since=self._since,
            restarts=self._restarts,
            log_file=self.spec.log_file,
        )

    async def start(self) -> None:
        """Waits for what it needs, starts the process and returns when it is ready.

        Raises:
            UnavailableError: it ended, or was not ready in time (the message has its last log lines), or a hook failed.
        """
        for need in self._needs:
            await need.up.wait()
        await self._tools.before_start(self.spec)
        clock = self._tools.clock
        self._child = child = await spawn(self.spec, mark=dict(self._tools.mark), started=clock.monotonic())
        self._since = clock.now()
        self._tell("starting", Started(self.spec.name, child.pid, self._since))
        why = await self._until_ready(child)
        if why is not None:
            await child.stop(0.0)
            raise self._not_ready(child, why)
        await self._prepare(child)
        self._ready_at = clock.monotonic()
        self.up.set()
        after_s = self._ready_at - child.started
        self._tell("ready", Ready(self.spec.name, child.pid, clock.now(), after_s))

    async def keep(self) -> None:
        """Restarts the process whenever it dies; returns when it gave up. Ends by cancellation."""
        while (child := self._child) is not None:
            code = await child.wait()
            died_at = self._tools.clock.monotonic()
            self.up.clear()
            because = self._record_exit(child, code)
            if not await self._revive(because):
                return
            if self.spec.memory_only:
                await self._tools.memory_lost(self.spec.name, died_at)

    async def recycle(self, *, started_before: float) -> None:
        """Stops the process so that `keep` starts it at once, if it was started before that moment."""
        child = self._child
        if child is not None and child.code is None and child.started < started_before:
            self._recycling = True
            await child.stop(self.spec.stop_deadline_s)

    async def stop(self, deadline_s: float) -> None:
        """Ends the process for good: politely, by force after `deadline_s` seconds. `keep` must have ended."""
        self.up.clear()
        child = self._child
        if child is None or self._status in ("gave_up", "stopped"):
            return
        was_running = child.code is None
        forced = await child.stop(deadline_s)
        self._since = now = self._tools.clock.now()
        if was_running:
            self._tell("stopped", Stopped(self.spec.name, child.pid, now, forced))

    def kill(self) -> None:
        """Kills the process group at once; a `stop` under way then returns."""
        if self._child is not None:
            self._child.kill()

    async def _prepare(self, child: Child) -> None:
        try:
            await self._tools.after_ready(self.spec)
        except UnavailableError:
            await child.stop(self.spec.stop_deadline_s)
            raise

    async def _until_ready(self, child: Child) -> str | None:
        why = "it was not probed"
        try:
            async with asyncio.timeout(self.spec.ready_deadline_s):
                while child.code is None:
                    # The probe first: a port that a stranger holds is told apart by the child's exit just after.
                    answer = await asyncio.to_thread(attempt, self.spec.ready)
                    if answer is None and child.code is None:
                        return None
                    why = answer or why
                    await asyncio.sleep(_PROBE_EVERY_S)
        except TimeoutError:
            return f"not ready after {self.spec.ready_deadline_s:g} s: {why}"
        return f"it ended with {_code_text(child.code)} before it was ready"

    def _not_ready(self, child: Child, why: str) -> UnavailableError:
        lines = child.last_lines() or "(it printed nothing)"
        return UnavailableError(
            f"{self.spec.name}: {why}\nlast lines of {self.spec.log_file}:\n{lines}", cure=self.spec.cure
        )

    def _record_exit(self, child: Child, code: int) -> str:
        now = self._tools.clock.now()
        if self._recycling:
            self._tell("restarting", Stopped(self.spec.name, child.pid, now, forced=code == -signal.SIGKILL))
            return "what it depends on lost its memory"
        self._tell("restarting", Exited(self.spec.name, child.pid, now, code, child.last_lines()))
        return f"it ended with {_code_text(code)}"

    async def _revive(self, because: str) -> bool:
        tools = self._tools
        if tools.clock.monotonic() - self._ready_at >= tools.policy.stable_after_s:
            self._failures = 0
        while self._failures < tools.policy.max_attempts:
            await self._back_off(because)
            self._restarts += 1
            try:
                await self.start()
            except UnavailableError as error:
                because = str(error)
            else:
                return True
        self._tell("gave_up", GaveUp(self.spec.name, tools.clock.now(), self._failures, because))
        return False

    async def _back_off(self, because: str) -> None:
        tools = self._tools
        delay_s = 0.0
        if self._recycling:
            self._recycling = False
        else:
            delay_s = tools.policy.delay_s(self._failures, tools.rng)
            self._failures += 1
        event = Restarting(self.spec.name, tools.clock.now(), self._failures, delay_s, because)
        self._tell("restarting", event)
        await tools.clock.sleep(delay_s)

    def _tell(self, status: Status, event: ProcessEvent) -> None:
        self._status = status
        self._tools.on_event(event)


def _code_text(code: int | None) -> str:
    if code is None:
        return "no status"
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
