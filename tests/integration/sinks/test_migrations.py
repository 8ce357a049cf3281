from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError, InvalidRequestError
from schemas.topics import CATALOGUE
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.migrate import MIGRATIONS, MigrationState, Migrator, load_migrations
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, costs_by
from sinks.clickhouse.query import Query
from sinks.clickhouse.writers import WRITERS
from tests.fakes.clickhouse_server import ClickHouseServer

pytestmark = pytest.mark.clickhouse


@pytest.fixture
async def empty(server: ClickHouseServer, tenant: str) -> AsyncIterator[ClickHouse]:
    """A database of the test's own."""
    database = tenant.replace("-", "_")
    async with open_clickhouse(ClickHouseAddress(server.url)) as clickhouse:
        await clickhouse.execute(f"CREATE DATABASE {database}")
    async with open_clickhouse(ClickHouseAddress(server.url, database=database)) as clickhouse:
        yield clickhouse
        await clickhouse.execute(f"DROP DATABASE {database}")


def _migrator(clickhouse: ClickHouse, directory: Path = MIGRATIONS) -> Migrator:
    return Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations(directory))


async def _tables(clickhouse: ClickHouse) -> set[str]:
    found = await clickhouse.query(
        Query("tables", "SELECT name, engine FROM system.tables WHERE database = currentDatabase()")
    )
    return {row["name"] for row in found.rows}


def _add_later(directory: Path) -> None:
    """One more migration than there are."""
    name = f"{len(load_migrations()) + 1:04}_later"
    (directory / f"{name}.up.sql").write_text("CREATE TABLE later (a Int64) ENGINE = Memory;\n")
    (directory / f"{name}.down.sql").write_text("DROP TABLE later;\n")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the migrations, to be edited."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


async def test_up_makes_a_table_per_topic_and_is_idempotent(empty: ClickHouse) -> None:
    migrator = _migrator(empty)

    assert {status.state for status in await migrator.status()} == {MigrationState.PENDING}
    assert await migrator.up() == load_migrations()
    assert await migrator.up() == ()

    assert {status.state for status in await migrator.status()} == {MigrationState.APPLIED}
    assert {writer.table for writer in WRITERS.values()} <= await _tables(empty)
    assert len(WRITERS) == len(CATALOGUE)


async def test_down_takes_everything_back_and_up_brings_it_again(empty: ClickHouse) -> None:
    migrator = _migrator(empty)
    await migrator.up()
    before = await _tables(empty)

    taken_back = await migrator.down(0)

    assert [one.number for one in taken_back] == [one.number for one in reversed(load_migrations())]
    assert await _tables(empty) == {"schema_migrations"}
    assert len(await migrator.up()) == len(load_migrations())
    assert await _tables(empty) == before


async def test_down_stops_where_it_was_told(empty: ClickHouse) -> None:
    migrator = _migrator(empty)
    await migrator.up()

    await migrator.down(2)

    states = {status.number: status.state for status in await migrator.status()}
    assert {number for number, state in states.items() if state is MigrationState.APPLIED} == {1, 2}
    assert "costs" not in await _tables(empty)
    assert "alarms" in await _tables(empty)


async def test_a_run_that_was_cut_off_is_finished(empty: ClickHouse) -> None:
    first = load_migrations()[0]
    await empty.execute(first.up[0])

    assert await _migrator(empty).up() == load_migrations()


async def test_a_changed_file_is_refused(empty: ClickHouse, directory: Path) -> None:
    await _migrator(empty, directory).up()
    path = directory / "0002_alarms.up.sql"
    path.write_text(path.read_text() + "-- an afterthought\n")
    changed = _migrator(empty, directory)

    assert [one.number for one in await changed.status() if one.state is MigrationState.CHANGED] == [2]
    with pytest.raises(ConfigurationError, match="0002_alarms was changed"):
        await changed.up()
    with pytest.raises(ConfigurationError, match="0002_alarms was changed"):
        await changed.down(0)
    assert "alarms" in await _tables(empty)


async def test_a_newer_database_is_refused(empty: ClickHouse, directory: Path) -> None:
    _add_later(directory)
    await _migrator(empty, directory).up()

    assert (await _migrator(empty).status())[-1].state is MigrationState.UNKNOWN
    with pytest.raises(ConfigurationError, match="newer version"):
        await _migrator(empty).up()


async def test_a_later_migration_is_applied_alone(empty: ClickHouse, directory: Path) -> None:
    await _migrator(empty).up()
    _add_later(directory)

    assert [one.name for one in await _migrator(empty, directory).up()] == ["later"]


async def test_sums_are_made_for_a_ledger_that_has_entries_some_of_them_twice(empty: ClickHouse) -> None:
    migrator = _migrator(empty)
    await migrator.up()
    await migrator.down(6)
    for number in (1, 2, 2, 3):
        await empty.execute(
            "INSERT INTO costs (event_id, tenant, investigation_id, occurred_at, cost_nano_usd, expires_at)"  # noqa: S608 - the test's own text
            f" VALUES ('cost_{number}', 't', 'inv_1', '2026-02-0{number} 12:00:00', {number}, '2100-01-01')"
        )

    await migrator.up()

    found = await costs_by(
        empty,
        CostDimension.DAY,
        WideScope(None, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
    )
    assert [(one.key, one.cost_nano_usd) for one in found.groups] == [
        ("2026-02-03", 3),
        ("2026-02-02", 2),
        ("2026-02-01", 1),
    ]
    explained = await empty.query(Query("explained", f"EXPLAIN {found.info.sql}"))
    assert "sums_by" in " ".join(row["explain"] for row in explained.rows)


async def test_down_below_nothing_is_refused(empty: ClickHouse) -> None:
    with pytest.raises(InvalidRequestError):
        await _migrator(empty).down(-1)


def test_a_gap_is_refused(directory: Path) -> None:
    (directory / "0003_incidents.up.sql").unlink()

    with pytest.raises(ConfigurationError, match="without a gap"):
        load_migrations(directory)


def test_a_missing_down_is_refused(directory: Path) -> None:
    (directory / "0003_incidents.down.sql").unlink()

    with pytest.raises(ConfigurationError, match="has no"):
        load_migrations(directory)


async def test_every_table_recognises_repeats_expires_and_is_durable(empty: ClickHouse) -> None:
    await _migrator(empty).up()
    for writer in WRITERS.values():
        found = await empty.query(Query("show", f"SHOW CREATE TABLE {writer.table}"))
        definition = found.rows[0]["statement"]
        assert "non_replicated_deduplication_window = 10000" in definition, writer.table
        assert "TTL expires_at" in definition, writer.table
        assert "fsync_after_insert = 1, fsync_part_directory = 1" in definition, writer.table
