"""Numbered up and down migrations, recorded in `schema_migrations` with a checksum of what was run.

ClickHouse has no transactions for statements that define tables: every statement of a migration must be safe to
run again (IF NOT EXISTS, OR REPLACE), so that one which was cut off is simply run again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError, InvalidRequestError
from sinks.clickhouse.client import ClickHouse, Columns
from sinks.clickhouse.query import Query

__all__ = ["MIGRATIONS", "Migration", "MigrationState", "MigrationStatus", "Migrator", "load_migrations"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
"""Where the numbered files are: `NNNN_name.up.sql` and `NNNN_name.down.sql`."""

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql")
_END_OF_STATEMENT = re.compile(r";[ \t]*\n")
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


class MigrationState(StrEnum):
    PENDING = "pending"
    APPLIED = "applied"
    CHANGED = "changed"
    """Applied, but its file is not what was applied."""
    UNKNOWN = "unknown"
    """Applied by a newer version: there is no file for it here."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the tables: statements in order, up and down. `checksum` covers the text of `up`."""

    number: int
    name: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    checksum: str


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    number: int
    name: str
    state: MigrationState


@dataclass(frozen=True, slots=True)
class _Record:
    name: str
    checksum: str


def load_migrations(directory: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read the files, in order of their numbers. Blocks. Raises ConfigurationError for a gap or a missing down."""
    found = sorted(
        (_load(path, match) for path in directory.iterdir() if (match := _FILE.fullmatch(path.name))),
        key=lambda migration: migration.number,
    )
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError(
            f"the migrations in {directory} are not numbered 0001, 0002, ... without a gap"
        )
    return tuple(found)


def _load(path: Path, match: re.Match[str]) -> Migration:
    down = path.with_name(path.name.replace(".up.sql", ".down.sql"))
    if not down.exists():
        raise ConfigurationError(f"{path.name} has no {down.name} beside it")
    text = path.read_text(encoding="utf-8")
    return Migration(
        number=int(match["number"]),
        name=match["name"],
        up=_statements(text),
        down=_statements(down.read_text(encoding="utf-8")),
        checksum=hashlib.sha256(text.encode()).hexdigest(),
    )


def _statements(text: str) -> tuple[str, ...]:
    """A statement ends with a semicolon at the end of a line."""
    parts = (part.strip() for part in _END_OF_STATEMENT.split(text + "\n"))
    return tuple(part for part in parts if part)


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
        applied = await self._applied()
        known = {migration.number for migration in self._migrations}
        newer = [
            MigrationStatus(number, record.name, MigrationState.UNKNOWN)
            for number, record in sorted(applied.items())
            if number not in known
        ]
        return (*(_status(migration, applied) for migration in self._migrations), *newer)

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
        for status in statuses:
            if status.state is MigrationState.CHANGED:
                raise ConfigurationError(
                    f"migration {status.number:04d}_{status.name} was changed after it was applied",
                    cure="Put the file back as it was, and add a new migration for the change.",
                )
            if status.state is MigrationState.UNKNOWN:
                raise ConfigurationError(
                    f"migration {status.number:04d}_{status.name} was applied by a newer version",
                    cure="Run that version, or go down with it first.",
                )
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

    async def _applied(self) -> Mapping[int, _Record]:
        await self._clickhouse.execute(_TABLE)
        newest = "SELECT * FROM schema_migrations ORDER BY number, recorded_at DESC LIMIT 1 BY number"
        found = await self._clickhouse.query(Query("schema_migrations", newest))
        return {row["number"]: _Record(row["name"], row["checksum"]) for row in found.rows if row["applied"]}


def _status(migration: Migration, applied: Mapping[int, _Record]) -> MigrationStatus:
    record = applied.get(migration.number)
    if record is None:
        state = MigrationState.PENDING
    elif record.checksum == migration.checksum:
        state = MigrationState.APPLIED
    else:
        state = MigrationState.CHANGED
    return MigrationStatus(migration.number, migration.name, state)
