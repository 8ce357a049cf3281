"""What is SQLite's alone; what holds of any control database is in tests/contract."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from infra.runtime.migrations import read_migrations
from infra.runtime.sql import SqlJournal, SqlMarkers, load_sql_migrations, open_database
from infra.runtime.sql.sqlite import open_sqlite
from schemas.errors import ConfigurationError, IntegrityError, UnavailableError

_AS_RELEASED_0_1 = """
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
PRAGMA user_version=1;
INSERT INTO investigation_markers (investigation_id, attempts) VALUES ('inv', 2);
"""


async def test_a_file_of_the_first_release_is_taken_over_with_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    with sqlite3.connect(path) as before:
        before.executescript(_AS_RELEASED_0_1)
    before.close()
    async with open_database(path) as database:
        assert await SqlMarkers(database).next_attempt("inv") == 3
        await SqlJournal(database).put("inv", "plan", "abc", "answer")
    async with open_database(path) as database:
        assert await SqlJournal(database).get("inv", "plan", "abc") == "answer"


async def test_calls_at_once_take_turns_on_the_connection(tmp_path: Path) -> None:
    async with open_database(tmp_path / "control.sqlite") as database:
        markers = SqlMarkers(database)
        read = await asyncio.gather(
            *(markers.is_done(f"inv-{n}") for n in range(50)), markers.mark_done("inv-0")
        )
    assert read[-1] is None


async def test_what_cannot_be_opened_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="unable to open"):
        async with open_database(tmp_path):
            pass
    (tmp_path / "text").write_text("not a database, and long enough to be taken for one" * 100)
    with pytest.raises(UnavailableError, match="not a database"):
        async with open_database(tmp_path / "text"):
            pass


async def test_a_file_that_another_holds_is_unavailable_and_usable_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.runtime.sql.sqlite._BUSY_S", 0.01)
    path = tmp_path / "control.sqlite"
    async with open_database(path) as database:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked"):
            await SqlMarkers(database).mark_done("inv")
        with pytest.raises(UnavailableError, match="locked"):
            await database.atomically([("DELETE FROM documents", ())])
        other.execute("ROLLBACK")
        other.close()
        await SqlMarkers(database).mark_done("inv")
        assert await SqlMarkers(database).is_done("inv")


async def test_durability_is_that_of_a_power_cut(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "control.sqlite") as database:
        assert await database.rows("PRAGMA journal_mode") == [("wal",)]
        assert await database.rows("PRAGMA synchronous") == [(2,)]


async def test_a_wrong_number_of_parameters_is_a_defect(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "control.sqlite") as database:
        with pytest.raises(IntegrityError, match="binding"):
            await database.rows("SELECT ?", ())


def test_the_migrations_are_read_statement_by_statement() -> None:
    first = load_sql_migrations()[0]
    assert (first.number, first.name) == (1, "control")
    assert len(first.up) == len(first.down) == 3
    assert all("CREATE TABLE" in one for one in first.up)


def test_a_gap_or_a_missing_way_back_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_x.up.sql").write_text("SELECT 1;\n")
    with pytest.raises(ConfigurationError, match=r"no 0002_x\.down\.sql"):
        read_migrations(tmp_path)
    (tmp_path / "0002_x.down.sql").write_text("SELECT 1;\n")
    with pytest.raises(ConfigurationError, match="without a gap"):
        read_migrations(tmp_path)
