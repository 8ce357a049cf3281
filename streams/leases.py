"""Holding a lease for as long as a piece of work takes, and knowing when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from schemas.errors import RetryableError
from streams.ports import Clock, Lease

__all__ = ["HeldLease", "held_lease"]

_log = structlog.get_logger(__name__)

_RENEWALS_PER_TTL = 3
_RELEASE_S = 2.0


@dataclass(frozen=True, slots=True)
class HeldLease:
    """`lost` is set once another worker may hold it: stop writing at once."""

    token: int
    lost: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def held_lease(lease: Lease, investigation_id: str, clock: Clock) -> AsyncIterator[HeldLease | None]:
    """Acquire the lease, renew it in the background, release it at the end; None while another worker has it.

    Raises:
        RetryableError: it is not known whether it could be acquired.
    """
    token = await lease.acquire(investigation_id)
    if token is None:
        yield None
        return
    held = HeldLease(token)
    keeper = asyncio.create_task(_keep(lease, investigation_id, held, clock))
    try:
        yield held
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await _release(lease, investigation_id, held)


async def _keep(lease: Lease, investigation_id: str, held: HeldLease, clock: Clock) -> None:
    """Renew until the lease is lost: refused, or not renewed for a whole life of it."""
    misses = 0
    try:
        while misses < _RENEWALS_PER_TTL:
            await clock.sleep(lease.ttl_s / _RENEWALS_PER_TTL)
            try:
                if not await lease.renew(investigation_id, held.token):
                    return
                misses = 0
            except RetryableError as error:
                misses += 1
                _log.warning("lease_not_renewed", investigation=investigation_id, error=repr(error))
    finally:
        held.lost.set()


async def _release(lease: Lease, investigation_id: str, held: HeldLease) -> None:
    """What cannot be released runs out by itself."""
    with contextlib.suppress(RetryableError, TimeoutError):
        async with asyncio.timeout(_RELEASE_S):
            await lease.release(investigation_id, held.token)
