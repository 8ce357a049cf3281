"""Up and down, step by step, over a ClickHouse that only remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from schemas.errors import ConfigurationError, InvalidRequestError, UnavailableError
from sinks.clickhouse.client import Columns
from sinks.clickhouse.migrate import Migration, MigrationState, Migrator
from sinks.clickhouse.query import Query
from tests.fakes.clickhouse_answers import AnsweringClickHouse

AT = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))


def migration(number: int, checksum: str = "c") -> Migration:
    return Migration(
        number=number,
        name=f"step_{number}",
        up=(f"CREATE {number}a", f"CREATE {number}b"),
        down=(f"DROP {number}b", f"DROP {number}a"),
        checksum=checksum,
    )


class Books(AnsweringClickHouse):
    """Answers with the newest row of each number that was inserted, as the table would."""

    def __init__(self) -> None:
        super().__init__(answer=self._records)

    def _records(self, _: Query) -> Sequence[Mapping[str, Any]]:
        newest: dict[int, Mapping[str, Any]] = {}
        for insert in self.inserts:
            assert isinstance(insert.columns, Columns)
            row: dict[str, Any] = {
                name: values[0]
                for name, values in zip(insert.columns.names, insert.columns.data, strict=True)
            }
            newest[row["number"]] = row
        return [newest[number] for number in sorted(newest)]

    @property
    def made(self) -> list[str]:
        return [sql for sql in self.statements if "schema_migrations" not in sql]


def migrator(books: Books, *migrations: Migration) -> Migrator:
    return Migrator(books, lambda: AT, migrations)


async def states(books: Books, *migrations: Migration) -> list[tuple[int, MigrationState]]:
    return [(one.number, one.state) for one in await migrator(books, *migrations).status()]


async def test_everything_is_pending_at_first() -> None:
    books = Books()
    assert await states(books, migration(1), migration(2)) == [
        (1, MigrationState.PENDING),
        (2, MigrationState.PENDING),
    ]
    assert "CREATE TABLE IF NOT EXISTS schema_migrations" in books.statements[0]


async def test_up_runs_every_statement_in_order_and_records_each_step() -> None:
    books = Books()
    applied = await migrator(books, migration(1), migration(2)).up()
    assert [one.number for one in applied] == [1, 2]
    assert books.made == ["CREATE 1a", "CREATE 1b", "CREATE 2a", "CREATE 2b"]
    assert [insert.token for insert in books.inserts] == [f"1:{AT.isoformat()}", f"2:{AT.isoformat()}"]
    columns = books.inserts[0].columns
    assert isinstance(columns, Columns)
    assert books.inserts[0].table == "schema_migrations"
    assert [values[0] for values in columns.data] == [1, "step_1", "c", True, AT.astimezone(UTC)]
    assert await states(books, migration(1), migration(2)) == [
        (1, MigrationState.APPLIED),
        (2, MigrationState.APPLIED),
    ]


async def test_up_again_does_nothing() -> None:
    books = Books()
    await migrator(books, migration(1)).up()
    before = list(books.made)
    assert await migrator(books, migration(1)).up() == ()
    assert books.made == before


async def test_up_applies_only_what_is_pending() -> None:
    books = Books()
    await migrator(books, migration(1)).up()
    applied = await migrator(books, migration(1), migration(2)).up()
    assert [one.number for one in applied] == [2]


async def test_a_step_that_was_cut_off_is_run_again_whole() -> None:
    books = Books()
    books.refuse = lambda sql: UnavailableError("away") if sql == "CREATE 2b" else None
    with pytest.raises(UnavailableError):
        await migrator(books, migration(1), migration(2)).up()
    assert await states(books, migration(1), migration(2)) == [
        (1, MigrationState.APPLIED),
        (2, MigrationState.PENDING),
    ]
    books.refuse = lambda _: None
    await migrator(books, migration(1), migration(2)).up()
    assert books.made == ["CREATE 1a", "CREATE 1b", "CREATE 2a", "CREATE 2a", "CREATE 2b"]


@pytest.mark.parametrize(("to", "taken_back"), [(0, [3, 2, 1]), (1, [3, 2]), (2, [3]), (3, []), (9, [])])
async def test_down_takes_back_what_is_above_newest_first(to: int, taken_back: list[int]) -> None:
    books = Books()
    three = [migration(number) for number in (1, 2, 3)]
    await migrator(books, *three).up()
    gone = await migrator(books, *three).down(to)
    assert [one.number for one in gone] == taken_back
    expected = [sql for number in taken_back for sql in (f"DROP {number}b", f"DROP {number}a")]
    assert [sql for sql in books.made if sql.startswith("DROP")] == expected
    left = [number for number, state in await states(books, *three) if state is MigrationState.APPLIED]
    assert left == [number for number in (1, 2, 3) if number not in taken_back]


async def test_what_was_taken_back_goes_up_again() -> None:
    books = Books()
    await migrator(books, migration(1)).up()
    await migrator(books, migration(1)).down(0)
    assert [one.number for one in await migrator(books, migration(1)).up()] == [1]


async def test_below_nothing_is_refused_before_anything_is_done() -> None:
    books = Books()
    with pytest.raises(InvalidRequestError):
        await migrator(books, migration(1)).down(-1)
    assert books.statements == []


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_file_that_was_changed_stops_everything(direction: str) -> None:
    books = Books()
    await migrator(books, migration(1), migration(2)).up()
    before = list(books.made)
    changed = migrator(books, migration(1), migration(2, checksum="other"), migration(3))
    with pytest.raises(ConfigurationError, match="0002_step_2 was changed"):
        await (changed.up() if direction == "up" else changed.down(0))
    assert books.made == before


async def test_a_newer_version_is_told_and_stops_everything() -> None:
    books = Books()
    await migrator(books, migration(1), migration(2), migration(3)).up()
    older = migrator(books, migration(1))
    assert [(s.number, s.name, s.state) for s in await older.status()][1:] == [
        (2, "step_2", MigrationState.UNKNOWN),
        (3, "step_3", MigrationState.UNKNOWN),
    ]
    with pytest.raises(ConfigurationError, match="newer version"):
        await older.up()


async def test_a_newer_version_that_went_down_again_is_forgotten() -> None:
    books = Books()
    both = migrator(books, migration(1), migration(2))
    await both.up()
    await both.down(1)
    assert await states(books, migration(1)) == [(1, MigrationState.APPLIED)]
