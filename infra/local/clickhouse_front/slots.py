"""A bound on queries that run, and on queries that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.local.clickhouse_front.errors import TOO_MANY_SIMULTANEOUS_QUERIES, ClickHouseError

__all__ = ["Slots"]


class Slots:
    """At most `running` holders at a time, at most `waiting` behind them, first come first served."""

    def __init__(self, *, running: int, waiting: int) -> None:
        self._semaphore = asyncio.Semaphore(running)
        self._limit = waiting
        self._waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a slot and hold it. Raises ClickHouseError (202) at once when too many wait already."""
        if self._semaphore.locked() and self._waiting >= self._limit:
            raise ClickHouseError.refusal(
                TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries: {self._waiting} are waiting"
            )
        self._waiting += 1
        try:
            await self._semaphore.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._semaphore.release()
