"""Configuration that is asked for often and changes rarely: loaded again after a while, per tenant."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import structlog

from schemas.errors import RetryableError
from streams.ports import Clock

__all__ = ["Refreshed"]

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_RETRY_S = 1.0


class Refreshed(Generic[_T]):
    """Values by tenant, at most `every_s` old, and of the `tenants` asked for last."""

    def __init__(
        self,
        load: Callable[[str], Awaitable[_T]],
        clock: Clock,
        *,
        every_s: float = 5.0,
        tenants: int = 10_000,
    ) -> None:
        self._load = load
        self._clock = clock
        self._every = timedelta(seconds=every_s)
        self._tenants = tenants
        self._known: OrderedDict[str, tuple[datetime, _T]] = OrderedDict()

    async def of(self, tenant: str) -> _T:
        """The tenant's value. Where it cannot be loaded, the last one holds; without one this waits until it can."""
        known = self._known.get(tenant)
        now = self._clock.now()
        if known is not None and now - known[0] < self._every:
            return known[1]
        value = await self._loaded(tenant, known)
        self._known[tenant] = (now, value)
        self._known.move_to_end(tenant)
        while len(self._known) > self._tenants:
            self._known.popitem(last=False)
        return value

    async def _loaded(self, tenant: str, known: tuple[datetime, _T] | None) -> _T:
        while True:
            try:
                return await self._load(tenant)
            except RetryableError as error:
                _log.warning(
                    "configuration_unavailable", tenant=tenant, error=str(error), stale=known is not None
                )
                if known is not None:
                    return known[1]
                await self._clock.sleep(_RETRY_S)
