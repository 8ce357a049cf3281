"""A bounded number of running jobs, shared fairly: the tenant that runs least goes first, then the most urgent job."""

from __future__ import annotations

import asyncio
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


@dataclass(slots=True, eq=False)
class _Waiter:
    claim: Claim
    granted: asyncio.Future[None]
    arrival: int


class Slots:
    """At most `limit` holders at a time, for one event loop. With one tenant and one priority, first come first served."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._running: Counter[str] = Counter()
        self._waiting: list[_Waiter] = []
        self._arrivals = 0

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
        self._waiting.append(waiter)
        self._grant()
        try:
            await waiter.granted
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise

    def _withdraw(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        if not waiter.granted.cancelled():
            self._release(waiter.claim)

    def _release(self, claim: Claim) -> None:
        self._free += 1
        self._running[claim.tenant] -= 1
        if not self._running[claim.tenant]:
            del self._running[claim.tenant]
        self._grant()

    def _grant(self) -> None:
        while self._free and self._waiting:
            best = min(self._waiting, key=self._order)
            self._waiting.remove(best)
            if best.granted.cancelled():
                continue
            self._free -= 1
            self._running[best.claim.tenant] += 1
            best.granted.set_result(None)

    def _order(self, waiter: _Waiter) -> tuple[int, int, int]:
        return (self._running[waiter.claim.tenant], -waiter.claim.priority, waiter.arrival)
