"""SQLite: one connection per process, shared by all processes of the stack through the file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiosqlite

from infra.runtime.sql.database import Statement, Value
from schemas.errors import IntegrityError, UnavailableError

__all__ = ["SqliteDatabase", "open_sqlite"]

_BUSY_S = 10.0
_SWITCH_TRIES = 100
_SWITCH_S = 0.05
_PRIMARY: Final = 0xFF
"""An extended result code carries its primary one in the low byte."""
_REFUSALS: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_RANGE,
    }
)
"""The statement is wrong. What else SQLite says is of the file, the disk or the neighbours."""


class SqliteDatabase:
    """Satisfies Database. Statements take turns: they share a connection, and so its transaction."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        async with self._turn, self._executed(sql, parameters) as cursor:
            return [tuple(row) for row in await cursor.fetchall()]

    async def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        async with self._turn, self._executed(sql, parameters) as cursor:
            return cursor.rowcount

    async def atomically(self, statements: Sequence[Statement]) -> None:
        async with self._turn:
            with _sqlite_errors():
                await self._connection.execute("BEGIN IMMEDIATE")
                try:
                    for sql, parameters in statements:
                        await self._connection.execute(sql, parameters)
                    await self._connection.commit()
                except BaseException:
                    await self._connection.rollback()
                    raise

    async def has_table(self, name: str) -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return bool(await self.rows(sql, (name,)))

    @asynccontextmanager
    async def _executed(self, sql: str, parameters: Sequence[Value]) -> AsyncIterator[aiosqlite.Cursor]:
        """Yield the statement's cursor, and commit when it has been read."""
        with _sqlite_errors():
            async with self._connection.execute(sql, parameters) as cursor:
                yield cursor
            await self._connection.commit()


@asynccontextmanager
async def open_sqlite(path: Path) -> AsyncIterator[SqliteDatabase]:
    """Open, or make, the file, as durable as SQLite can. Another process's write is waited for up to ten seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _sqlite_errors():
        connection = await aiosqlite.connect(path, timeout=_BUSY_S, isolation_level="IMMEDIATE")
    try:
        with _sqlite_errors():
            await _switch_to_wal(connection)
            await connection.execute("PRAGMA synchronous=FULL")
        yield SqliteDatabase(connection)
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
def _sqlite_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & _PRIMARY in _REFUSALS:
            raise IntegrityError(f"the control database refuses: {error}") from error
        raise UnavailableError(
            f"the control database fails: {error}", cure="Look at the disk and at `tocsin doctor`."
        ) from error
