"""Checkpoints end: what was last written a week ago is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from agents.investigation.checkpoints.saver import StoredCheckpoints
from agents.ports import Clock
from schemas.errors import UnavailableError

__all__ = ["pruned_checkpoints"]

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def pruned_checkpoints(
    saver: StoredCheckpoints,
    clock: Clock,
    *,
    every_s: float = 3_600.0,
    keep: timedelta = timedelta(days=7),
) -> AsyncIterator[None]:
    """Prune in the background now and every so often, until left. A database that fails is tried again later."""
    task = asyncio.create_task(_prune_for_ever(saver, clock, every_s, keep))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _prune_for_ever(saver: StoredCheckpoints, clock: Clock, every_s: float, keep: timedelta) -> None:
    while True:
        try:
            gone = await saver.forget_before(clock.now() - keep)
        except UnavailableError as error:
            _log.warning("checkpoints_not_pruned", error=repr(error))
        else:
            _log.info("checkpoints_pruned", checkpoints=gone)
        await clock.sleep(every_s)
