"""A tenant's investigations at a time, as its limits say: the others queue, the most urgent and then the oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import structlog

from agents.place_ports import Queued
from agents.ports import Clock
from schemas.errors import RetryableError
from schemas.events import InvestigationRequested

__all__ = ["LimitOf", "Places", "TenantTurns"]

_log = structlog.get_logger(__name__)

_POLL_S = 0.25
_SLOWEST_POLLS = 16
_RENEWALS_PER_LIFE = 3
_LEAVE_S = 2.0
_LEAST_URGENT = 100
_URGENCY = 1e10
"""Larger than any unix time: what is more urgent goes before whatever is older."""


class Places(Protocol):
    """`RedisTurns`. Every method may raise UnavailableError."""

    @property
    def ttl_s(self) -> float: ...
    async def take(self, tenant: str, name: str, order: float, limit: int) -> int: ...
    async def renew(self, tenant: str, name: str) -> None: ...
    async def leave(self, tenant: str, name: str) -> None: ...


class LimitOf(Protocol):
    async def __call__(self, tenant: str) -> int:
        """Return how many investigations of the tenant may work at a time."""
        ...


class TenantTurns:
    """Satisfies agents.place_ports.Turns."""

    def __init__(self, places: Places, limit_of: LimitOf, clock: Clock) -> None:
        self._places = places
        self._limit_of = limit_of
        self._clock = clock

    @asynccontextmanager
    async def place(self, request: InvestigationRequested, queued: Queued) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises UnavailableError where it is not known whether there is one."""
        keeper: asyncio.Task[None] | None = None
        try:
            await self._taken(request, queued)
            keeper = asyncio.create_task(self._keep(request))
            yield
        finally:
            if keeper is not None:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
            await self._leave(request)

    async def _taken(self, request: InvestigationRequested, queued: Queued) -> None:
        told = False
        while True:
            limit = await self._limit_of(request.tenant)
            name, order = request.investigation_id, _order(request)
            position = await self._places.take(request.tenant, name, order, limit)
            if not position:
                return
            if not told:
                told = True
                await queued(position, limit)
            # Who is far from the head need not ask often.
            await self._clock.sleep(_POLL_S * min(max(1.0, position / limit), _SLOWEST_POLLS))

    async def _keep(self, request: InvestigationRequested) -> None:
        while True:
            await self._clock.sleep(self._places.ttl_s / _RENEWALS_PER_LIFE)
            try:
                await self._places.renew(request.tenant, request.investigation_id)
            except RetryableError as error:
                _log.warning("turn_not_renewed", investigation=request.investigation_id, error=repr(error))

    async def _leave(self, request: InvestigationRequested) -> None:
        """What cannot be left runs out by itself."""
        with suppress(RetryableError, TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self._places.leave(request.tenant, request.investigation_id)


def _order(request: InvestigationRequested) -> float:
    return (_LEAST_URGENT - request.priority) * _URGENCY + request.requested_at.timestamp()
