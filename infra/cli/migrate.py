"""`tocsin migrate`: bring the tables up, or take migrations back."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.console import emit, out, table
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir
from infra.cli.tables import ask
from infra.runtime.clock import SystemClock
from schemas.errors import InvalidRequestError
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.migrate import Migration, MigrationStatus, Migrator, load_migrations

__all__ = ["migrate"]


def migrate(
    status: Annotated[bool, typer.Option("--status", help="Only show what is applied.")] = False,
    down: Annotated[int | None, typer.Option(help="Take back all above this number. DESTROYS DATA.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before destroying data.")] = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring the ClickHouse tables to this version. Idempotent."""
    if down is not None and not yes:
        typer.confirm(f"Take back every migration above {down}, with the data in its tables?", abort=True)

    async def question(clickhouse: ClickHouse) -> tuple[tuple[MigrationStatus, ...], tuple[Migration, ...]]:
        migrator = Migrator(clickhouse, SystemClock().now, load_migrations())
        done: tuple[Migration, ...] = ()
        if down is not None:
            done = await migrator.down(down)
        elif not status:
            done = await migrator.up()
        return await migrator.status(), done

    if status and down is not None:
        raise InvalidRequestError("--status and --down contradict each other", cure="Leave one out.")
    states, done = ask(load_settings(data), question)
    if as_json:
        emit({"ran": [one.number for one in done], "migrations": [_json(one) for one in states]})
    else:
        out.print(table("Migrations", ("number", "name", "state"), [_json(one).values() for one in states]))
        out.print(f"ran {len(done)}", highlight=False)


def _json(one: MigrationStatus) -> dict[str, object]:
    return {"number": one.number, "name": one.name, "state": one.state.value}
