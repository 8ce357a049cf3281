"""Numbered steps of a schema as files, up and down, and what has become of each. Who runs them, ClickHouse or SQL, is elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from schemas.errors import ConfigurationError

__all__ = [
    "AppliedMigration",
    "Migration",
    "MigrationState",
    "MigrationStatus",
    "check_statuses",
    "read_migrations",
    "statuses_of",
]

_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.up\.sql")
_END_OF_STATEMENT = re.compile(r";[ \t]*\n")


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
class AppliedMigration:
    """What a database has noted of one that ran."""

    name: str
    checksum: str


def read_migrations(directory: Path) -> tuple[Migration, ...]:
    """Read `NNNN_name.up.sql` and `.down.sql`, in order of their numbers. Blocks.

    Raises:
        ConfigurationError: the numbers have a gap, or a down file is missing.
    """
    found = sorted(
        (_read(path, match) for path in directory.iterdir() if (match := _FILE.fullmatch(path.name))),
        key=lambda migration: migration.number,
    )
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError(
            f"the migrations in {directory} are not numbered 0001, 0002, ... without a gap"
        )
    return tuple(found)


def statuses_of(
    migrations: Sequence[Migration], applied: Mapping[int, AppliedMigration]
) -> tuple[MigrationStatus, ...]:
    """Return the state of every migration that has a file here or was applied, in order."""
    known = {migration.number for migration in migrations}
    newer = [
        MigrationStatus(number, record.name, MigrationState.UNKNOWN)
        for number, record in sorted(applied.items())
        if number not in known
    ]
    return (*(_status(migration, applied.get(migration.number)) for migration in migrations), *newer)


def check_statuses(statuses: Sequence[MigrationStatus]) -> None:
    """Raise ConfigurationError where an applied file was changed, or a newer version was here."""
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


def _read(path: Path, match: re.Match[str]) -> Migration:
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


def _status(migration: Migration, record: AppliedMigration | None) -> MigrationStatus:
    if record is None:
        state = MigrationState.PENDING
    elif record.checksum == migration.checksum:
        state = MigrationState.APPLIED
    else:
        state = MigrationState.CHANGED
    return MigrationStatus(migration.number, migration.name, state)
