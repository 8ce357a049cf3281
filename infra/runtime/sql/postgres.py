"""PostgreSQL: a bounded pool of connections per process; its errors become ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql as composed
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from infra.runtime.sql.database import Statement, Value
from infra.runtime.sql_address import PostgresServer
from schemas.errors import ConfigurationError, IntegrityError, UnavailableError

__all__ = ["PostgresDatabase", "conninfo", "open_postgres"]

_IDLE_S = 300.0
_MOST_STATEMENTS = 256

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresDatabase:
    """Satisfies Database. A connection that broke is replaced before it is used; callers beyond the pool wait."""

    def __init__(self, pool: AsyncConnectionPool[_Connection]) -> None:
        self._pool = pool

    async def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        with _postgres_errors():
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_native(sql), _kept(parameters))
                return await cursor.fetchall() if cursor.description else []

    async def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        with _postgres_errors():
            async with self._pool.connection() as connection:
                return (await connection.execute(_native(sql), _kept(parameters))).rowcount

    async def atomically(self, statements: Sequence[Statement]) -> None:
        with _postgres_errors():
            async with self._pool.connection() as connection, connection.transaction():
                for sql, parameters in statements:
                    await connection.execute(_native(sql), _kept(parameters))

    async def has_table(self, name: str) -> bool:
        sql = "SELECT 1 FROM pg_tables WHERE tablename = ? AND schemaname = ANY(current_schemas(false))"
        return bool(await self.rows(sql, (name,)))


@asynccontextmanager
async def open_postgres(server: PostgresServer, name: str = "tocsin") -> AsyncIterator[PostgresDatabase]:
    """Connect, and keep at most `server.connections` connections until left. `name` is what the server's statistics show.

    Raises:
        UnavailableError: the server cannot be reached, or refuses the user: libpq does not tell these apart by type.
        ConfigurationError: the URL is not libpq's.
    """
    info = conninfo(server, name)
    with _postgres_errors():
        # A pool tells only that it could not connect; a connection tells why.
        await (await psycopg.AsyncConnection.connect(info)).close()
    pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
        info,
        kwargs={"autocommit": True, "row_factory": tuple_row},
        min_size=1,
        max_size=server.connections,
        max_idle=_IDLE_S,
        timeout=server.timeout_s,
        reconnect_timeout=server.timeout_s,
        check=AsyncConnectionPool.check_connection,
        name=name,
        open=False,
    )
    async with pool:
        yield PostgresDatabase(pool)


def conninfo(server: PostgresServer, name: str) -> str:
    """Return libpq's parameters, with the time-outs of `server`: also a peer that went away silently is given up.

    Raises:
        ConfigurationError: the URL is not libpq's.
    """
    milliseconds = round(server.timeout_s * 1000)
    try:
        given = conninfo_to_dict(server.url)
        limits = (
            f"-c statement_timeout={milliseconds} -c idle_in_transaction_session_timeout={milliseconds * 6}"
        )
        return make_conninfo(
            server.url,
            connect_timeout=max(2, round(server.timeout_s)),
            application_name=given.get("application_name", name),
            tcp_user_timeout=milliseconds,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            # What the URL itself asks for comes last, and wins.
            options=f"{limits} {given.get('options', '')}".strip(),
        )
    except psycopg.ProgrammingError:
        # libpq quotes what it cannot read, which may be the password.
        raise ConfigurationError(
            "sql.url is not an address as libpq reads it",
            cure="Write `postgresql://user@host:5432/database`, special characters as %XX, and libpq's own options only.",
        ) from None


@lru_cache(_MOST_STATEMENTS)
def _native(sql: str) -> composed.SQL:
    return composed.SQL(sql.replace("%", "%%").replace("?", "%s"))


def _kept(parameters: Sequence[Value]) -> list[Value]:
    """SQLite has no truth values, so neither have our tables."""
    return [int(value) if isinstance(value, bool) else value for value in parameters]


@contextmanager
def _postgres_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError) as error:
        raise UnavailableError(
            f"PostgreSQL does not answer: {_said(error)}", cure="Run `tocsin doctor`; it names the address."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"PostgreSQL does not let us: {_said(error)}",
            cure="Let the user of sql.url make tables, or run `tocsin migrate` as one who may.",
        ) from error
    except psycopg.Error as error:
        raise IntegrityError(f"the control database refuses: {_said(error)}") from error


def _said(error: psycopg.Error) -> str:
    return str(error).strip() or type(error).__name__
