"""One SQLite connection per process, shared by all processes of the stack through the file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiosqlite

from schemas.errors import IntegrityError, UnavailableError

__all__ = ["Database", "Value", "open_database"]

Value = str | int | float | bytes | None

_MIGRATIONS = (
    """
    CREATE TABLE documents (
        kind TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,
        body TEXT NOT NULL, PRIMARY KEY (kind, tenant, id)
    );
    CREATE TABLE call_journal (
        investigation_id TEXT NOT NULL, step TEXT NOT NULL, prompt_hash TEXT NOT NULL,
        answer TEXT NOT NULL, written_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        PRIMARY KEY (investigation_id, step, prompt_hash)
    );
    CREATE TABLE investigation_markers (
        investigation_id TEXT PRIMARY KEY, attempts INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0,
        changed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    """,
)


class Database:
    """Statements on the control database, one after another: they share a connection, and so its transaction.

    Each call is its own transaction; all may raise UnavailableError.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    async def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """Return the rows of a query, or of a statement with RETURNING."""
        async with self._turn, self._executed(sql, parameters) as cursor:
            return [tuple(row) for row in await cursor.fetchall()]

    async def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Execute a statement, durably, and return how many rows it changed."""
        async with self._turn, self._executed(sql, parameters) as cursor:
            return cursor.rowcount

    @asynccontextmanager
    async def _executed(self, sql: str, parameters: Sequence[Value]) -> AsyncIterator[aiosqlite.Cursor]:
        """Yield the statement's cursor, and commit when it has been read."""
        with _sql_errors():
            async with self._connection.execute(sql, parameters) as cursor:
                yield cursor
            await self._connection.commit()


@asynccontextmanager
async def open_database(path: Path) -> AsyncIterator[Database]:
    """Open, or make, the database at `path` and bring it to today's tables. Several processes may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _sql_errors():
        connection = await aiosqlite.connect(path, timeout=10, isolation_level="IMMEDIATE")
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
    try:
        await _migrate(connection)
        yield Database(connection)
    finally:
        await connection.close()


async def _migrate(connection: aiosqlite.Connection) -> None:
    with _sql_errors():
        await connection.execute("BEGIN IMMEDIATE")
        async with connection.execute("PRAGMA user_version") as cursor:
            row = await cursor.fetchone()
        done = int(row[0]) if row else 0
        for version, script in enumerate(_MIGRATIONS[done:], start=done + 1):
            for statement in filter(str.strip, script.split(";")):
                await connection.execute(statement)
            await connection.execute(f"PRAGMA user_version={version}")
        await connection.commit()


@contextmanager
def _sql_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise IntegrityError(f"the control database refuses: {error}") from error
    except sqlite3.Error as error:
        raise UnavailableError(
            f"the control database fails: {error}", cure="Look at the disk and at `tocsin doctor`."
        ) from error
