"""Checkpoints in SQLite: for one machine."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from agents.investigation.checkpoints.saver import StoredCheckpoints, uuid6_floor
from agents.investigation.checkpoints.serializer import checkpoint_serializer
from schemas.errors import IntegrityError, UnavailableError

__all__ = ["SqliteCheckpoints", "open_checkpoints"]

_BUSY_MS = 10_000
_SWITCH_TRIES = 100
_SWITCH_S = 0.05


class SqliteCheckpoints(StoredCheckpoints, AsyncSqliteSaver):
    """LangGraph's saver on one connection; its calls take turns."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with _checkpoint_errors():
            yield

    async def forget_before(self, before: datetime) -> int:
        oldest = uuid6_floor(before)
        stale = "SELECT thread_id FROM checkpoints GROUP BY thread_id HAVING max(checkpoint_id) < ?"
        async with self.lock:
            with self._errors():
                try:
                    await self.conn.execute(f"DELETE FROM writes WHERE thread_id IN ({stale})", (oldest,))  # noqa: S608 - no input of others
                    cursor = await self.conn.execute(
                        f"DELETE FROM checkpoints WHERE thread_id IN ({stale})",  # noqa: S608 - as above
                        (oldest,),
                    )
                    await self.conn.commit()
                except sqlite3.Error:
                    # The next checkpoint must not become part of what was half done here.
                    await self.conn.rollback()
                    raise
                return cursor.rowcount


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[SqliteCheckpoints]:
    """Open the file, or make it, in WAL mode with full durability: a checkpoint that was written survives a power cut.

    Several processes may share the file; a writer waits for another up to ten seconds. Closes it at the end.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _checkpoint_errors():
        connection = await aiosqlite.connect(path)
    try:
        saver = SqliteCheckpoints(connection, serde=checkpoint_serializer())
        with _checkpoint_errors():
            await _switch_to_wal(connection)
            await connection.execute("PRAGMA synchronous=FULL")
            await connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
            await saver.setup()
        yield saver
    finally:
        await connection.close()


async def _switch_to_wal(connection: aiosqlite.Connection) -> None:
    """SQLite does not wait for another that switches at the same moment, whatever its busy timeout: try again."""
    for left in reversed(range(_SWITCH_TRIES)):
        try:
            await connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if not left:
                raise
            await asyncio.sleep(_SWITCH_S)
        else:
            return


@contextmanager
def _checkpoint_errors() -> Iterator[None]:
    try:
        yield
    except (
        sqlite3.DataError,
        sqlite3.IntegrityError,
        sqlite3.InterfaceError,
        sqlite3.ProgrammingError,
    ) as error:
        raise IntegrityError(f"the checkpoints refuse: {error}") from error
    except sqlite3.Error as error:
        raise UnavailableError(
            f"the checkpoints fail: {error}", cure="Look at the disk and at `tocsin doctor`."
        ) from error
