"""Checkpoints in SQLite: what an investigation that loses its worker goes on from."""

from __future__ import annotations

import asyncio
import dataclasses
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import aiosqlite
import structlog
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import BaseModel

from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.state import GraphState
from agents.ports import Clock

__all__ = ["checkpoint_serializer", "open_checkpoints", "prune_checkpoints", "pruned_checkpoints"]

_log = structlog.get_logger(__name__)

# 100 ns intervals between the Gregorian reform, where UUID time begins, and the Unix epoch (RFC 9562, section 5.1).
_UUID_EPOCH = 0x01B21DD213814000
_BUSY_MS = 10_000


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[AsyncSqliteSaver]:
    """Open the file, or make it, in WAL mode with full durability: a checkpoint that was written survives a power cut.

    Several processes may share the file; a writer waits for another up to ten seconds. Closes it at the end.
    """
    async with aiosqlite.connect(path) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        await connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        saver = AsyncSqliteSaver(connection, serde=checkpoint_serializer())
        await saver.setup()
        yield saver


def checkpoint_serializer() -> JsonPlusSerializer:
    """Return a serializer that brings back the types of the graph's state and no others. It never uses pickle."""
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=tuple(_types()))


async def prune_checkpoints(saver: AsyncSqliteSaver, before: datetime) -> int:
    """Forget investigations whose last checkpoint is older; return how many checkpoints went.

    A checkpoint's id is a UUIDv6, whose text sorts by time.
    """
    oldest = _uuid6_floor(before)
    stale = "SELECT thread_id FROM checkpoints GROUP BY thread_id HAVING max(checkpoint_id) < ?"
    async with saver.lock:
        try:
            await saver.conn.execute(f"DELETE FROM writes WHERE thread_id IN ({stale})", (oldest,))  # noqa: S608 - no input of others
            cursor = await saver.conn.execute(
                f"DELETE FROM checkpoints WHERE thread_id IN ({stale})",  # noqa: S608 - as above
                (oldest,),
            )
            await saver.conn.commit()
        except sqlite3.Error:
            # The next checkpoint must not become part of what was half done here.
            await saver.conn.rollback()
            raise
        return cursor.rowcount


@asynccontextmanager
async def pruned_checkpoints(
    saver: AsyncSqliteSaver,
    clock: Clock,
    *,
    every_s: float = 3_600.0,
    keep: timedelta = timedelta(days=7),
) -> AsyncIterator[None]:
    """Prune in the background now and every so often, until left. A file that cannot be written is tried again later."""
    task = asyncio.create_task(_prune_for_ever(saver, clock, every_s, keep))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _prune_for_ever(saver: AsyncSqliteSaver, clock: Clock, every_s: float, keep: timedelta) -> None:
    while True:
        try:
            gone = await prune_checkpoints(saver, clock.now() - keep)
        except sqlite3.Error as error:
            _log.warning("checkpoints_not_pruned", error=repr(error))
        else:
            _log.info("checkpoints_pruned", checkpoints=gone)
        await clock.sleep(every_s)


def _uuid6_floor(at: datetime) -> str:
    ticks = round(at.astimezone(UTC).timestamp() * 10_000_000) + _UUID_EPOCH
    digits = f"{ticks:015x}"
    return f"{digits[:8]}-{digits[8:12]}-6{digits[12:]}-0000-000000000000"


def _types() -> set[type]:
    """Every model, dataclass and enum that the state or an order can hold."""
    found: set[type] = set()
    pending: list[type] = [GraphState, GatherOrder]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found.add(current)
        if not issubclass(current, Enum):
            pending += [known for hint in get_type_hints(current).values() for known in _inside(hint)]
    return found


def _inside(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and (issubclass(hint, (BaseModel, Enum)) or dataclasses.is_dataclass(hint)):
        yield hint
    for argument in get_args(hint):
        yield from _inside(argument)
