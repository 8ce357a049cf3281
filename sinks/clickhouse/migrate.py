"""Numbered up and down migrations, recorded in `schema_migrations` with a checksum of what was run.

ClickHouse has no transactions for statements that define tables: every statement of a migration must be safe to
run again (IF NOT EXISTS, OR REPLACE), so that one which was cut off is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
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
from schemas.errors import InvalidRequestError
from sinks.clickhouse.client import ClickHouse, Columns
from sinks.clickhouse.query import Query

__all__ = ["MIGRATIONS", "Migration", "MigrationState", "MigrationStatus", "Migrator", "load_migrations"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""Where the numbered files are: `NNNN_name.up.sql` and `NNNN_name.down.sql`."""

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number UInt32,
    name String,
    checksum String,
    applied Bool,
    recorded_at DateTime64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (number, recorded_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which migrations ran, up or down; the newest row of a number holds.'
"""


def load_migrations(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the files, in order of their numbers. Blocks. Raises ConfigurationError for a gap or a missing down."""
    return read_migrations(directory)


class Migrator:
    """Brings one database up or down. Not for two at a time: run it before the workers start."""

    def __init__(
        self, clickhouse: ClickHouse, now: Callable[[], datetime], migrations: Sequence[Migration]
    ) -> None:
        self._clickhouse = clickhouse
        self._now = now
        self._migrations = tuple(migrations)

    async def status(self) -> tuple[MigrationStatus, ...]:
        """Return every migration that has a file here or was applied, in order. Makes the bookkeeping table."""
        return statuses_of(self._migrations, await self._applied())

    async def up(self) -> tuple[Migration, ...]:
        """Apply what is pending and return it; nothing when all is applied.

        Raises:
            ConfigurationError: an applied file was changed, or a newer version was here; nothing has been done.
        """
        states = {status.number: status.state for status in await self._checked()}
        pending = [one for one in self._migrations if states[one.number] is MigrationState.PENDING]
        for migration in pending:
            await self._run(migration, migration.up, applied=True)
        return tuple(pending)

    async def down(self, to: int) -> tuple[Migration, ...]:
        """Take back every applied migration above number `to`, newest first, and return them. Destroys data.

        Raises:
            InvalidRequestError: `to` is negative.
            ConfigurationError: as in `up`.
        """
        if to < 0:
            raise InvalidRequestError(f"cannot go down to {to}: 0 takes everything back")
        states = {status.number: status.state for status in await self._checked()}
        above = [
            one
            for one in reversed(self._migrations)
            if one.number > to and states[one.number] is MigrationState.APPLIED
        ]
        for migration in above:
            await self._run(migration, migration.down, applied=False)
        return tuple(above)

    async def _checked(self) -> tuple[MigrationStatus, ...]:
        statuses = await self.status()
        check_statuses(statuses)
        return statuses

    async def _run(self, migration: Migration, statements: Sequence[str], *, applied: bool) -> None:
        for statement in statements:
            await self._clickhouse.execute(statement)
        at = self._now()
        record = Columns(
            names=("number", "name", "checksum", "applied", "recorded_at"),
            types=("UInt32", "String", "String", "Bool", "DateTime64(6, 'UTC')"),
            data=(
                [migration.number],
                [migration.name],
                [migration.checksum],
                [applied],
                [at.astimezone(UTC)],
            ),
        )
        await self._clickhouse.insert(
            "schema_migrations", record, token=f"{migration.number}:{at.isoformat()}"
        )

    async def _applied(self) -> Mapping[int, AppliedMigration]:
        await self._clickhouse.execute(_TABLE)
        newest = "SELECT * FROM schema_migrations ORDER BY number, recorded_at DESC LIMIT 1 BY number"
        found = await self._clickhouse.query(Query("schema_migrations", newest))
        return {
            row["number"]: AppliedMigration(row["name"], row["checksum"])
            for row in found.rows
            if row["applied"]
        }
