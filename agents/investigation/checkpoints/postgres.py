"""Checkpoints in PostgreSQL: for workers on several machines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from agents.investigation.checkpoints.saver import StoredCheckpoints, uuid6_floor
from agents.investigation.checkpoints.serializer import checkpoint_serializer
from schemas.errors import IntegrityError, UnavailableError

__all__ = ["PostgresCheckpoints", "open_postgres_checkpoints"]

_Connection = psycopg.AsyncConnection[DictRow]
_SETUP_LOCK: Final = 0x746F6373696E
"""Any number that is ours: it holds among all who use this database."""
_SETUP_POLL_S = 0.05
_STALE: Final = (
    'SELECT thread_id FROM checkpoints GROUP BY thread_id HAVING max(checkpoint_id COLLATE "C") < %s'
)
_FORGET: Final = (
    f"DELETE FROM checkpoint_writes WHERE thread_id IN ({_STALE})",  # noqa: S608 - no input of others
    f"DELETE FROM checkpoint_blobs WHERE thread_id IN ({_STALE})",  # noqa: S608 - as above
    f"DELETE FROM checkpoints WHERE thread_id IN ({_STALE})",  # noqa: S608 - as above
)


class PostgresCheckpoints(StoredCheckpoints, AsyncPostgresSaver):
    """LangGraph's saver on a pool; as many calls at once as it has connections."""

    def __init__(self, pool: AsyncConnectionPool[_Connection]) -> None:
        super().__init__(pool, serde=checkpoint_serializer())
        self._pool = pool
        self.lock = _NoTurns()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with _checkpoint_errors():
            yield

    async def forget_before(self, before: datetime) -> int:
        oldest = (uuid6_floor(before),)
        with self._errors():
            async with self._pool.connection() as connection, connection.transaction():
                await connection.execute("SET LOCAL statement_timeout = '5min'")
                gone = [(await connection.execute(sql, oldest)).rowcount for sql in _FORGET]
        return gone[-1]


class _NoTurns(asyncio.Lock):
    """The saver's own lock is for a single connection; the pool gives each call one of its own."""

    async def __aenter__(self) -> None:
        return

    async def __aexit__(self, *_: object) -> None:
        return


@asynccontextmanager
async def open_postgres_checkpoints(
    conninfo: str, *, connections: int, timeout_s: float
) -> AsyncIterator[PostgresCheckpoints]:
    """Connect, make the tables where they are not, and keep at most so many connections until left.

    `timeout_s` bounds the wait for a free connection; the time-outs of statements are those of `conninfo`. Several
    processes may open at once.

    Raises:
        UnavailableError: the server cannot be reached, or refuses the user.
        IntegrityError: the user may not make the tables.
    """
    with _checkpoint_errors():
        await _set_up(conninfo)
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
        conninfo,
        kwargs=options,
        min_size=1,
        max_size=connections,
        timeout=timeout_s,
        reconnect_timeout=timeout_s,
        check=AsyncConnectionPool.check_connection,
        name="checkpoints",
        open=False,
    )
    async with pool:
        yield PostgresCheckpoints(pool)


async def _set_up(conninfo: str) -> None:
    """LangGraph's own migrations, by one process at a time: they are not made for two."""
    async with await _Connection.connect(conninfo, autocommit=True, row_factory=dict_row) as connection:
        if await _is_set_up(connection):
            return
        await connection.execute("SET statement_timeout = 0")
        # Waiting inside a statement would hold a snapshot, and building an index concurrently waits for those.
        while not await _answer(connection, f"SELECT pg_try_advisory_lock({_SETUP_LOCK})"):  # noqa: ASYNC110 - the event is in the server
            await asyncio.sleep(_SETUP_POLL_S)
        await AsyncPostgresSaver(connection).setup()


async def _is_set_up(connection: _Connection) -> bool:
    if await _answer(connection, "SELECT to_regclass('checkpoint_migrations')") is None:
        return False
    latest = await _answer(connection, "SELECT max(v) FROM checkpoint_migrations")
    return latest is not None and latest >= len(AsyncPostgresSaver.MIGRATIONS) - 1


async def _answer(connection: _Connection, sql: str) -> Any:
    row = await (await connection.execute(sql)).fetchone()
    return next(iter(row.values())) if row else None


@contextmanager
def _checkpoint_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError) as error:
        raise UnavailableError(
            f"PostgreSQL does not answer: {str(error).strip() or type(error).__name__}",
            cure="Run `tocsin doctor`; it names the address.",
        ) from error
    except psycopg.Error as error:
        raise IntegrityError(f"the checkpoints refuse: {str(error).strip()}") from error
