"""One way to open the control database, whichever it is. The driver of the other one is not loaded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import assert_never

from infra.runtime.sql.database import Database
from infra.runtime.sql.migrate import SqlMigrator, load_sql_migrations
from infra.runtime.sql_address import PostgresServer, SqlAddress

__all__ = ["open_database"]


@asynccontextmanager
async def open_database(
    address: SqlAddress, *, name: str = "tocsin", migrate: bool = True
) -> AsyncIterator[Database]:
    """Open the database at `address` and bring it to today's tables. Several processes may do so at once.

    A SQLite file is made where it is not; a PostgreSQL database is not. `name` is what PostgreSQL's statistics show.
    Where another version brought the tables further than ours, they are left so.

    Raises:
        UnavailableError: it cannot be opened or reached.
        ConfigurationError: the address is wrong, our user may not make the tables, or a migration was changed.
    """
    async with _opened(address, name) as database:
        if migrate:
            migrator = SqlMigrator(database, load_sql_migrations())
            if await migrator.is_pending():
                await migrator.up()
        yield database


def _opened(address: SqlAddress, name: str) -> AbstractAsyncContextManager[Database]:
    match address:
        case Path():
            from infra.runtime.sql.sqlite import open_sqlite  # noqa: PLC0415 - only what is used is loaded

            return open_sqlite(address)
        case PostgresServer():
            from infra.runtime.sql.postgres import open_postgres  # noqa: PLC0415 - 0.4 s

            return open_postgres(address, name)
        case _:
            assert_never(address)
