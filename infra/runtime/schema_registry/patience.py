"""How long a registry that is away is waited for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from schemas.errors import UnavailableError

__all__ = ["Clock", "Patience"]

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")


class Clock(Protocol):
    """Time. Never raises."""

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Calls again while the registry is away, for `limit_s` at most; pauses double from `first_wait_s` to `cap_s`."""

    clock: Clock
    limit_s: float
    first_wait_s: float = 0.25
    cap_s: float = 2.0

    async def asked(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Return what the call returns. Raises its last UnavailableError when the time is over, and all others at once."""
        until, wait_s = self.clock.monotonic() + self.limit_s, self.first_wait_s
        while True:
            try:
                return await call()
            except UnavailableError as error:
                if self.clock.monotonic() + wait_s > until:
                    raise
                _log.warning("registry_away", error=str(error), wait_s=wait_s)
            await self.clock.sleep(wait_s)
            wait_s = min(wait_s * 2, self.cap_s)
