"""Time as an argument: tests pass their own clock and need not wait for a back-off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["SYSTEM_CLOCK", "Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """`monotonic` in seconds, `now` in UTC, `sleep` of seconds between restarts.

    Only waiting between restarts goes through `sleep`. Deadlines on real processes are real time.
    """

    monotonic: Callable[[], float]
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]


SYSTEM_CLOCK = Clock(monotonic=time.monotonic, now=lambda: datetime.now(UTC), sleep=asyncio.sleep)
