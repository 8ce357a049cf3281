"""Starts a set of processes in dependency order, keeps them alive, stops them in reverse order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from infra.local.backoff import RestartPolicy
from infra.local.clock import SYSTEM_CLOCK, Clock
from infra.local.events import ProcessEvent
from infra.local.keeper import Hook, Keeper, Tools
from infra.local.process import ProcessSpec, dependents_of, ended_before, start_order
from infra.local.state import ProcessState
from infra.local.stop_request import StopRequest
from schemas.errors import RetryableError

__all__ = ["STOP_WITHIN_S", "StartInterruptedError", "Supervisor"]

STOP_WITHIN_S = 9.0


class StartInterruptedError(RetryableError):
    """A stop was asked before everything was ready; what had started was stopped again."""


async def _nothing(_spec: ProcessSpec) -> None:
    return


class Supervisor:
    """An async context manager: entering starts everything and waits until all is ready, leaving stops everything.

    `on_event` is called in the event loop for everything that happens, and must not block. The hooks are awaited at
    restarts too: `before_start` when what the process needs is ready, `after_ready` before what depends on it starts (the
    place to create topics). An UnavailableError of theirs counts as a failed start; any other error surfaces in `run`.
    `mark` is put into each child's environment. Use it from the main thread (see tether).

    Raises (on entering):
        ConfigurationError: names clash, a dependency is unknown or circular.
        UnavailableError: a process ended or was not ready in time; all others were stopped again. The message has
            its name and last log lines, `cure` what to do.
        StartInterruptedError: `stop` was asked meanwhile.
    """

    def __init__(  # noqa: PLR0913 - each is a port of its own
        self,
        specs: Sequence[ProcessSpec],
        *,
        on_event: Callable[[ProcessEvent], None],
        rng: random.Random,
        clock: Clock = SYSTEM_CLOCK,
        policy: RestartPolicy = RestartPolicy(),  # noqa: B008 - frozen
        before_start: Hook = _nothing,
        after_ready: Hook = _nothing,
        mark: Mapping[str, str] | None = None,
        stop: StopRequest | None = None,
        stop_within_s: float = STOP_WITHIN_S,
    ) -> None:
        self._specs = start_order(specs)
        self._stop_within_s = stop_within_s
        self._request = stop or StopRequest()
        tools = Tools(
            clock=clock,
            rng=rng,
            policy=policy,
            on_event=on_event,
            before_start=before_start,
            after_ready=after_ready,
            memory_lost=self._recycle_dependents,
            mark=mark or {},
        )
        self._keepers: dict[str, Keeper] = {}
        for spec in self._specs:
            needs = tuple(self._keepers[name] for name in spec.depends_on)
            self._keepers[spec.name] = Keeper(spec, tools, needs)
        self._keeping: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def processes(self) -> tuple[ProcessState, ...]:
        """A snapshot in start order."""
        return tuple(keeper.state for keeper in self._keepers.values())

    async def run(self) -> None:
        """Returns when a stop is asked; raises what a keeper's task raised: a defect, or a failed `after_ready`."""
        waiter = asyncio.create_task(self._request.asked.wait())
        try:
            while not waiter.done():
                pending = [task for task in self._keeping if not task.done()]
                await asyncio.wait([waiter, *pending], return_when=asyncio.FIRST_COMPLETED)
                for task in self._keeping:
                    if task.done():
                        task.result()
        finally:
            waiter.cancel()

    async def stop(self) -> None:
        """Stops all processes, dependents first, within `stop_within_s` seconds in all; can be called again."""
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        self._keeping.clear()
        hurrying = asyncio.create_task(self._kill_when_urgent())
        deadline = asyncio.get_running_loop().time() + self._stop_within_s
        gone = {name: asyncio.Event() for name in self._keepers}
        await asyncio.gather(*(self._stop_one(spec, gone, deadline) for spec in self._specs))
        hurrying.cancel()

    async def _start(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                watch = group.create_task(self._interrupt_when_asked())
                starting = [group.create_task(self._start_one(keeper)) for keeper in self._keepers.values()]
                await asyncio.wait(starting)
                watch.cancel()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _interrupt_when_asked(self) -> None:
        await self._request.asked.wait()
        raise StartInterruptedError("stopped before everything was ready")

    async def _kill_when_urgent(self) -> None:
        await self._request.urgent.wait()
        for keeper in self._keepers.values():
            keeper.kill()

    async def _start_one(self, keeper: Keeper) -> None:
        await keeper.start()
        self._keeping.append(asyncio.create_task(keeper.keep(), name=f"keep {keeper.spec.name}"))

    async def _stop_one(self, spec: ProcessSpec, gone: Mapping[str, asyncio.Event], deadline: float) -> None:
        for other in ended_before(spec, self._specs):
            await gone[other.name].wait()
        left_s = deadline - asyncio.get_running_loop().time()
        # What is still to be stopped after this one gets its share of the time that is left.
        share_s = max(0.0, left_s / (1 + self._layers_below(spec)))
        try:
            await self._keepers[spec.name].stop(
                0.0 if self._request.urgent.is_set() else min(spec.stop_deadline_s, share_s)
            )
        finally:
            gone[spec.name].set()

    def _layers_below(self, spec: ProcessSpec) -> int:
        after = (one for one in self._specs if spec in ended_before(one, self._specs))
        return max((1 + self._layers_below(one) for one in after), default=0)

    async def _recycle_dependents(self, name: str, died_at: float) -> None:
        dependents = dependents_of(name, self._specs)
        await asyncio.gather(*(self._keepers[s.name].recycle(started_before=died_at) for s in dependents))
