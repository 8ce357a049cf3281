"""The control database's tables: migrations that each run whole or not at all, noted in the transaction that runs them.

Any number of processes may do it at once: the note's primary key lets one of them through, and the others find it done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from infra.runtime.migrations import (
    AppliedMigration,
    Migration,
    MigrationState,
    MigrationStatus,
    check_statuses,
    read_migrations,
    statuses_of,
)
from infra.runtime.sql.database import Database, Statement
from schemas.errors import IntegrityError, InvalidRequestError

__all__ = ["SqlMigrator", "load_sql_migrations"]

_FILES: Final = Path(__file__).parent / "migrations"
_NAME: Final = "sql_migrations"
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS sql_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""
_NOTE: Final = "INSERT INTO sql_migrations (number, name, checksum) VALUES (?, ?, ?)"
_FORGET: Final = "DELETE FROM sql_migrations WHERE number = ?"


def load_sql_migrations(directory: Path = _FILES) -> tuple[Migration, ...]:
    """Read the files. Blocks. Raises ConfigurationError for a gap or a missing down."""
    return read_migrations(directory)


class SqlMigrator:
    """Brings one control database up or down."""

    def __init__(self, database: Database, migrations: Sequence[Migration]) -> None:
        self._database = database
        self._migrations = tuple(migrations)

    async def status(self) -> tuple[MigrationStatus, ...]:
        """Return every migration that has a file here or was applied, in order. Changes nothing."""
        return statuses_of(self._migrations, await self._applied())

    async def up(self) -> tuple[Migration, ...]:
        """Apply what is pending, and return it.

        Raises:
            ConfigurationError: an applied file was changed, or a newer version was here; nothing has been done.
        """
        pending = await self._in_state(MigrationState.PENDING)
        if pending and not await self._database.has_table(_NAME):
            with suppress(IntegrityError):  # PostgreSQL: another process makes it in this moment
                await self._database.run(_TABLE)
        return tuple([one for one in pending if await self._apply(one)])

    async def down(self, to: int) -> tuple[Migration, ...]:
        """Take back every applied migration above number `to`, newest first, and return them. Destroys data.

        Raises:
            InvalidRequestError: `to` is negative.
            ConfigurationError: as in `up`.
        """
        if to < 0:
            raise InvalidRequestError(f"cannot go down to {to}: 0 takes everything back")
        applied = await self._in_state(MigrationState.APPLIED)
        above = [one for one in reversed(applied) if one.number > to]
        for migration in above:
            await self._database.atomically([*_bare(migration.down), (_FORGET, (migration.number,))])
        return tuple(above)

    async def is_pending(self) -> bool:
        """Return whether `up` has something to do. A newer version's tables are not our concern: they only grew."""
        return any(one.state is MigrationState.PENDING for one in await self.status())

    async def _in_state(self, state: MigrationState) -> list[Migration]:
        statuses = await self.status()
        check_statuses(statuses)
        numbers = {status.number for status in statuses if status.state is state}
        return [one for one in self._migrations if one.number in numbers]

    async def _apply(self, migration: Migration) -> bool:
        note = (_NOTE, (migration.number, migration.name, migration.checksum))
        try:
            await self._database.atomically([note, *_bare(migration.up)])
        except IntegrityError:
            if migration.number in await self._applied():
                return False
            raise
        return True

    async def _applied(self) -> Mapping[int, AppliedMigration]:
        if not await self._database.has_table(_NAME):
            return {}
        rows = await self._database.rows("SELECT number, name, checksum FROM sql_migrations")
        return {
            int(number or 0): AppliedMigration(str(name), str(checksum)) for number, name, checksum in rows
        }


def _bare(statements: Sequence[str]) -> list[Statement]:
    return [(statement, ()) for statement in statements]
