"""Waiting for what other tasks, threads and processes bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["until"]


async def until(condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
    """Wait for a condition. Raises TimeoutError after a generous deadline."""
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110 - conditions are about states that have no event of this loop
            await asyncio.sleep(0.01)
