"""`tocsin migrate`: bring the tables up, or take migrations back; in ClickHouse and in the control database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, assert_never

import typer

from infra.cli.console import emit, out, table
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir
from infra.cli.tables import ask
from infra.runtime.clock import SystemClock
from infra.runtime.migrations import Migration, MigrationStatus
from infra.runtime.settings import Settings
from infra.runtime.sql import SqlMigrator, load_sql_migrations, open_database
from schemas.errors import InvalidRequestError
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.migrate import Migrator, load_migrations

__all__ = ["migrate"]

Store = Literal["clickhouse", "sql"]
_STORES: tuple[Store, ...] = ("clickhouse", "sql")


class _Migrator(Protocol):
    async def status(self) -> tuple[MigrationStatus, ...]: ...
    async def up(self) -> tuple[Migration, ...]: ...
    async def down(self, to: int) -> tuple[Migration, ...]: ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one store's migrations are like now, and which of them ran."""

    store: Store
    states: Sequence[MigrationStatus]
    ran: Sequence[Migration]


def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only show what is applied.")] = False,
    down: Annotated[
        int | None, typer.Option(help="Take back all of --store above this number. DESTROYS DATA.")
    ] = None,
    store: Annotated[
        Store | None, typer.Option(help="Only ClickHouse's tables, or only the control database's.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before destroying data.")] = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring the tables of ClickHouse and of the control database (SQLite, PostgreSQL) to this version. Idempotent."""
    if status and down is not None:
        raise InvalidRequestError("--status and --down contradict each other", cure="Leave one out.")
    if down is not None and store is None:
        raise InvalidRequestError(
            "--down needs --store: each counts from 1", cure="Say --store clickhouse or --store sql."
        )
    if down is not None and not yes:
        typer.confirm(f"Take back every migration of {store} above {down}, with its data?", abort=True)
    settings = load_settings(data)
    wanted = _STORES if store is None else (store,)
    outcomes = [_run(settings, one, status=status, down=down) for one in wanted]
    rows = [_row(outcome.store, state) for outcome in outcomes for state in outcome.states]
    if as_json:
        ran = [{"store": outcome.store, "number": one.number} for outcome in outcomes for one in outcome.ran]
        emit({"ran": ran, "migrations": rows})
    else:
        out.print(table("Migrations", ("store", "number", "name", "state"), [one.values() for one in rows]))
        out.print(f"ran {sum(len(outcome.ran) for outcome in outcomes)}", highlight=False)


def _run(settings: Settings, store: Store, *, status: bool, down: int | None) -> _Outcome:
    async def question(migrator: _Migrator) -> _Outcome:
        ran: tuple[Migration, ...] = ()
        if down is not None:
            ran = await migrator.down(down)
        elif not status:
            ran = await migrator.up()
        return _Outcome(store, await migrator.status(), ran)

    match store:
        case "clickhouse":
            return ask(settings, lambda clickhouse: question(_of_clickhouse(clickhouse)))
        case "sql":
            return asyncio.run(_of_sql(settings, question))
        case _:
            assert_never(store)


def _of_clickhouse(clickhouse: ClickHouse) -> _Migrator:
    return Migrator(clickhouse, SystemClock().now, load_migrations())


async def _of_sql(settings: Settings, question: Callable[[_Migrator], Awaitable[_Outcome]]) -> _Outcome:
    async with open_database(settings.control_database, name="tocsin-migrate", migrate=False) as database:
        return await question(SqlMigrator(database, load_sql_migrations()))


def _row(store: Store, one: MigrationStatus) -> dict[str, object]:
    return {"store": store, "number": one.number, "name": one.name, "state": one.state.value}
