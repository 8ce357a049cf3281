"""A running investigation as its investigator sees it, and the status events that tell the world of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from schemas.errors import LeaseLostError
from schemas.events import InvestigationRequested, InvestigationState, InvestigationStatus
from streams.leases import HeldLease
from streams.ports import Clock, Publisher

__all__ = ["LeasedRun", "Teller"]


@dataclass(frozen=True, slots=True)
class Teller:
    """Publishes the states of investigations in the name of one worker."""

    publisher: Publisher
    clock: Clock
    worker: str

    async def tell(  # noqa: PLR0913 - one argument per field of the event
        self,
        request: InvestigationRequested,
        state: InvestigationState,
        message: str,
        *,
        attempt: int = 1,
        step: str = "",
        progress: float = 0.0,
    ) -> None:
        """Return once the status is durable. Raises like Publisher.publish."""
        status = InvestigationStatus(
            tenant=request.tenant,
            occurred_at=self.clock.now(),
            investigation_id=request.investigation_id,
            incident_id=request.incident.incident_id,
            state=state,
            step=step,
            message=message,
            progress=progress,
            attempt=attempt,
            worker=self.worker,
        )
        await self.publisher.publish(status)


@dataclass(slots=True)
class _Idle:
    """How many of a run's steps wait; several do where they go side by side."""

    steps: int = 0
    some: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class LeasedRun:
    """The Run of streams.ports. `cancelled` holds the reasons by investigation, and changes meanwhile."""

    request: InvestigationRequested
    attempt: int
    held: HeldLease
    stop: asyncio.Event
    cancelled: Mapping[str, str]
    teller: Teller
    _idle: _Idle = field(default_factory=_Idle)

    @property
    def fencing_token(self) -> int:
        return self.held.token

    @property
    def stopping(self) -> bool:
        return self.stop.is_set() or self.held.lost.is_set()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """See Run."""
        self._idle.steps += 1
        self._idle.some.set()
        try:
            yield
        finally:
            self._idle.steps -= 1
            if not self._idle.steps:
                self._idle.some.clear()

    async def may_be_cut_off(self) -> None:
        """Return once the worker must let go and the run is idle."""
        await self.stop.wait()
        await self._idle.some.wait()

    @property
    def taken_back(self) -> str:
        return self.cancelled.get(self.request.investigation_id, "")

    async def progress(
        self,
        step: str,
        message: str,
        fraction: float,
        state: InvestigationState = InvestigationState.RUNNING,
    ) -> None:
        """Publish a status. Raises LeaseLostError once another worker may run this."""
        if self.held.lost.is_set():
            raise LeaseLostError(f"the lease of {self.request.investigation_id} is lost")
        await self.teller.tell(
            self.request, state, message, attempt=self.attempt, step=step, progress=fraction
        )
