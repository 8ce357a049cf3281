"""A bounded number of running jobs, shared fairly: the tenant that runs least goes first, then the most urgent job."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

__all__ = ["Claim", "Slots"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants a slot, and how urgently (100 most)."""

    tenant: str = ""
    priority: int = 50
    since: float = 0.0
    """Among equally urgent claims the earlier goes first: what takes slots in turns is finished in its order."""


@dataclass(slots=True, eq=False)
class _Waiter:
    claim: Claim
    granted: asyncio.Future[None]
    arrival: int

    def __lt__(self, other: _Waiter) -> bool:
        return self.rank < other.rank

    @property
    def rank(self) -> tuple[int, float, int]:
        return -self.claim.priority, self.claim.since, self.arrival


class Slots:
    """At most `limit` holders at a time, for one event loop. With equal claims, first come first served.

    Thousands may wait: a grant costs the logarithm of the waiters, and looks at each waiting tenant once.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, list[_Waiter]] = {}
        self._arrivals = 0

    @property
    def full(self) -> bool:
        """Whether who comes now has to wait."""
        return self._free == 0

    @asynccontextmanager
    async def held(self, claim: Claim) -> AsyncIterator[None]:
        """Wait for a slot and hold it. Cancelling the wait leaves nothing behind."""
        await self._acquire(claim)
        try:
            yield
        finally:
            self._release(claim)

    async def _acquire(self, claim: Claim) -> None:
        self._arrivals += 1
        waiter = _Waiter(claim, asyncio.get_running_loop().create_future(), self._arrivals)
        heapq.heappush(self._waiting.setdefault(claim.tenant, []), waiter)
        self._grant()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            # A waiter that is cancelled stays in its heap, is passed over and falls out at its turn.
            if not waiter.granted.cancelled():
                self._release(claim)
            raise

    def _release(self, claim: Claim) -> None:
        self._free += 1
        self._running[claim.tenant] -= 1
        if not self._running[claim.tenant]:
            del self._running[claim.tenant]
        self._grant()

    def _grant(self) -> None:
        while self._free and (best := self._next()) is not None:
            self._free -= 1
            self._running[best.claim.tenant] += 1
            best.granted.set_result(None)

    def _next(self) -> _Waiter | None:
        """Take the first that still waits, of the tenant that runs least."""
        for tenant, queue in list(self._waiting.items()):
            while queue and queue[0].granted.cancelled():
                heapq.heappop(queue)
            if not queue:
                del self._waiting[tenant]
        if not self._waiting:
            return None
        tenant = min(self._waiting, key=lambda name: (self._running[name], self._waiting[name][0].rank))
        waiter = heapq.heappop(self._waiting[tenant])
        if not self._waiting[tenant]:
            del self._waiting[tenant]
        return waiter
