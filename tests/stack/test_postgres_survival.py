"""What is PostgreSQL's alone: connections that break, waits that end, users who may not."""

from __future__ import annotations

import asyncio
import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from pydantic import SecretStr
from typer.testing import CliRunner

from agents.investigation.checkpoints import StoredCheckpoints
from infra.cli.compose.checkpoints import open_checkpointer
from infra.cli.main import app
from infra.local.reachability import why_no_postgres
from infra.runtime.settings import Settings, SqlSection
from infra.runtime.sql import Database, SqlMarkers, SqlMigrator, load_sql_migrations, open_database
from infra.runtime.sql_address import PostgresServer
from schemas.errors import ConfigurationError, IntegrityError, UnavailableError
from tests.fakes.postgres_server import PASSWORD, PostgresTestServer
from tests.unit.docs.pages import program

pytestmark = pytest.mark.stack


@pytest.fixture
def server(postgres_server: PostgresTestServer) -> PostgresServer:
    return PostgresServer(postgres_server.new_schema(), connections=3, timeout_s=5)


async def _until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not await asyncio.to_thread(met):
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.02)


async def test_connections_that_broke_are_replaced_unseen(
    server: PostgresServer, postgres_server: PostgresTestServer
) -> None:
    async with open_database(server) as database:
        await asyncio.gather(*(SqlMarkers(database).next_attempt(f"inv-{n}") for n in range(20)))
        await asyncio.to_thread(postgres_server.disconnect_all)
        assert await SqlMarkers(database).next_attempt("inv-0") == 2


async def test_a_connection_broken_within_a_statement_is_unavailable_and_nothing_more(
    server: PostgresServer, postgres_server: PostgresTestServer
) -> None:
    async with open_database(server, name="in-flight") as database:
        sleeping = asyncio.create_task(database.rows("SELECT pg_sleep(60)"))
        await _until(lambda: postgres_server.active("in-flight") == 1, "the statement")
        await asyncio.to_thread(postgres_server.disconnect_all)
        with pytest.raises(UnavailableError, match="does not answer"):
            await sleeping
        assert await SqlMarkers(database).next_attempt("inv") == 1


async def test_a_statement_ends_when_its_time_is_over(postgres_server: PostgresTestServer) -> None:
    quick = PostgresServer(postgres_server.new_schema(), timeout_s=0.2)
    async with open_database(quick) as database:
        with pytest.raises(UnavailableError, match="statement timeout"):
            await database.rows("SELECT pg_sleep(60)")
        assert await database.rows("SELECT 1") == [(1,)]


async def test_the_pool_is_bounded_and_the_wait_for_it_too(postgres_server: PostgresTestServer) -> None:
    address = PostgresServer(postgres_server.new_schema(), connections=2, timeout_s=1)
    async with open_database(address, name="bounded") as database:
        waits = [asyncio.create_task(database.rows("SELECT pg_sleep(0.05)")) for _ in range(12)]
        await _until(lambda: postgres_server.active("bounded") == 2 or waits[-1].done(), "two at once")
        assert postgres_server.connections_of("bounded") <= 2
        await asyncio.gather(*waits)
        blocked = [asyncio.create_task(database.rows("SELECT pg_sleep(0.9)")) for _ in range(12)]
        ends = await asyncio.gather(*blocked, return_exceptions=True)
        assert {type(one) for one in ends} == {list, UnavailableError}
        assert await database.rows("SELECT 1") == [(1,)]
    assert postgres_server.connections_of("bounded") == 0


async def test_a_cancelled_statement_gives_its_connection_back(server: PostgresServer) -> None:
    async with open_database(server) as database:
        for _ in range(4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await database.rows("SELECT pg_sleep(60)")
        assert await database.rows("SELECT 1") == [(1,)]


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="refused"):
        async with open_database(PostgresServer("postgresql://me@127.0.0.1:1/x")):
            pass
    with pytest.raises(UnavailableError, match="refused"):
        async with open_checkpointer(PostgresServer("postgresql://me@127.0.0.1:1/x")):
            pass


async def test_a_wrong_password_is_told_and_never_shown(postgres_server: PostgresTestServer) -> None:
    wrong = PostgresServer(postgres_server.url(user="tester:wrong-s3cret"))
    with pytest.raises(UnavailableError, match="password authentication failed") as raised:
        async with open_database(wrong):
            pass
    assert "wrong-s3cret" not in str(raised.value)


async def test_a_user_who_may_only_write_works_on_tables_that_are_there(
    postgres_server: PostgresTestServer,
) -> None:
    server = PostgresServer(postgres_server.new_database())
    name = urlsplit(server.url).path[1:]
    user = f"writer_{name}"
    postgres_server.run(f"CREATE ROLE {user} LOGIN PASSWORD 'x'")
    writer = PostgresServer(postgres_server.url(name, f"{user}:x"))
    with pytest.raises(ConfigurationError, match="does not let us") as raised:
        async with open_database(writer):
            pass
    assert "tocsin migrate" in raised.value.cure
    async with open_database(server), open_checkpointer(server):
        pass
    postgres_server.run(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}", name
    )
    async with open_database(writer) as database, open_checkpointer(writer) as saver:
        assert await SqlMarkers(database).next_attempt("inv") == 1
        await _put(saver, "inv")
    why = await asyncio.to_thread(why_no_postgres, writer.url)
    assert why == "this user may not make tables in the database's schema"


async def _put(saver: StoredCheckpoints, thread: str, **values: Any) -> None:
    config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = values
    await saver.aput(config, checkpoint, {"step": 1}, dict.fromkeys(values, "1"))


async def test_checkpoints_go_on_after_their_connections_broke(
    server: PostgresServer, postgres_server: PostgresTestServer
) -> None:
    async with open_checkpointer(server) as saver:
        await asyncio.gather(*(_put(saver, f"inv-{n}") for n in range(12)))
        await asyncio.to_thread(postgres_server.disconnect_all)
        await asyncio.gather(*(_put(saver, f"inv-{n}") for n in range(12)))
        assert len([one async for one in saver.alist(None)]) == 24


async def test_what_postgresql_cannot_hold_is_a_defect_and_what_it_waits_for_is_not(
    postgres_server: PostgresTestServer,
) -> None:
    server = PostgresServer(postgres_server.new_schema(), timeout_s=0.5)
    async with open_checkpointer(server) as saver:
        with pytest.raises(IntegrityError, match="the checkpoints refuse"):
            await _put(saver, "inv", name="nul \0")
        with psycopg.connect(server.url) as other:
            other.execute("LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(UnavailableError, match="timeout"):
                await _put(saver, "inv")
        await _put(saver, "inv")


async def test_processes_that_migrate_at_once_run_each_migration_once(
    postgres_server: PostgresTestServer,
) -> None:
    server = PostgresServer(postgres_server.new_schema())

    async def up(database: Database) -> int:
        return len(await SqlMigrator(database, load_sql_migrations()).up())

    async with open_database(server, migrate=False) as one, open_database(server, migrate=False) as other:
        ran = await asyncio.gather(up(one), up(other), up(one), up(other))
    assert sum(ran) == len(load_sql_migrations())


def test_doctor_tells_what_is_wrong_and_hides_the_password(
    postgres_server: PostgresTestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(url: str) -> dict[str, str]:
        monkeypatch.setenv("TOCSIN_SQL__URL", url)
        done = CliRunner().invoke(app, ["doctor", "--json", "--data", str(tmp_path)])
        assert PASSWORD not in done.output
        rows: list[list[dict[str, str]]] = [json.loads(line) for line in done.stdout.splitlines()]
        return next(one for row in rows for one in row if one["check"] == "postgresql")

    good = found(postgres_server.url())
    assert (good["result"], good["what"]) == (
        "ok",
        f"answers at postgresql://127.0.0.1:{postgres_server.port}/postgres",
    )
    monkeypatch.setenv("TOCSIN_SQL__PASSWORD", PASSWORD)
    assert found(postgres_server.url(user="tester"))["result"] == "ok"
    monkeypatch.setenv("TOCSIN_SQL__PASSWORD", "no")
    assert "password authentication failed" in found(postgres_server.url(user="tester"))["what"]
    assert "does not exist" in found(postgres_server.url("absent"))["what"]
    away = found("postgresql://tocsin@127.0.0.1:1/x")
    assert (away["result"], "refused" in away["what"]) == ("failed", True)


async def test_the_page_about_own_servers_makes_what_its_settings_then_open(
    postgres_server: PostgresTestServer, tmp_path: Path
) -> None:
    for statement in program("as PostgreSQL's administrator").strip().rstrip(";").split(";"):
        await asyncio.to_thread(postgres_server.run, statement)
    section = tomllib.loads(program("tocsin.toml for servers elsewhere"))["sql"]
    place = f"@127.0.0.1:{postgres_server.port}/tocsin"
    url = section["url"].replace("@postgres:5432/tocsin", place).partition("?")[0]
    assert url.endswith(place), "the page names another server"
    with pytest.raises(psycopg.OperationalError, match=r"SSL|certificate"):
        psycopg.connect(section["url"].replace("@postgres:5432/tocsin", place), password="choose-one")
    own = SqlSection(**{**section, "url": url}, password=SecretStr("choose-one"))
    settings = Settings(data_dir=tmp_path, sql=own)
    async with open_database(settings.control_database) as database:
        assert await SqlMarkers(database).next_attempt("inv") == 1
    async with open_checkpointer(settings.checkpoint_database) as saver:
        await _put(saver, "inv")
