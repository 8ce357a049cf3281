"""Who may work at a time, in this worker and for one tenant, as protocols. The composition root joins them to Redis."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from schemas.events.investigation import InvestigationRequested

__all__ = ["Gate", "Queued", "Turns"]


class Gate(Protocol):
    """Bounds how many steps of all investigations work at a time. What waits for its data holds no place."""

    @property
    def full(self) -> bool:
        """Whether a step that comes now has to queue."""

    def place(self, request: InvestigationRequested) -> AbstractAsyncContextManager[None]:
        """Return what waits for a place on entering and holds it until it is left."""


class Queued(Protocol):
    async def __call__(self, position: int, limit: int) -> None:
        """Hear that one has to queue: 1 is next; `limit` is how many of the tenant work at a time."""


class Turns(Protocol):
    """Bounds how many investigations of one tenant work at a time, in all workers together.

    One that waits for its data before it has begun to look does not count.
    """

    def place(self, request: InvestigationRequested, queued: Queued) -> AbstractAsyncContextManager[None]:
        """Return what waits for a place on entering and holds it until it is left."""
