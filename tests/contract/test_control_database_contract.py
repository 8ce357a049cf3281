"""One suite over SQLite and PostgreSQL: what holds of the control database in one holds in the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.runtime.migrations import AppliedMigration, MigrationState
from infra.runtime.sql import (
    ControlStore,
    Database,
    SqlJournal,
    SqlMarkers,
    SqlMigrator,
    load_sql_migrations,
    open_database,
)
from infra.runtime.sql_address import PostgresServer, SqlAddress
from schemas.control import (
    DEFAULT_POLICY,
    Matcher,
    Policy,
    PolicyAction,
    Runbook,
    ServiceTopology,
    Silence,
    Tenant,
    Tier,
)
from schemas.errors import ConfigurationError, IntegrityError, InvalidRequestError
from tests.fakes.events import EPOCH

TABLES = ("documents", "call_journal", "investigation_markers", "sql_migrations")

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.stack)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> SqlAddress:
    """An empty database of its own for each test."""
    if request.param == "sqlite":
        return tmp_path / "deep" / "control.sqlite"
    return PostgresServer(request.getfixturevalue("postgres_server").new_schema(), connections=4)


@pytest.fixture
async def database(address: SqlAddress) -> AsyncIterator[Database]:
    async with open_database(address) as opened:
        yield opened


@asynccontextmanager
async def _opened(address: SqlAddress, times: int) -> AsyncIterator[list[Database]]:
    """The database as several processes have it."""
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(open_database(address)) for _ in range(times)]
        yield [await one for one in opening]


async def test_what_was_answered_first_stays(database: Database) -> None:
    journal = SqlJournal(database)
    assert await journal.get("inv", "plan", "abc") is None
    await journal.put("inv", "plan", "abc", "first")
    await journal.put("inv", "plan", "abc", "second")
    assert await journal.get("inv", "plan", "abc") == "first"
    assert await journal.get("inv", "rank", "abc") is None


async def test_answers_at_once_for_the_same_call_leave_one(address: SqlAddress) -> None:
    async with _opened(address, 3) as databases:
        journals = [SqlJournal(one) for one in databases]
        await asyncio.gather(
            *(journals[n % 3].put("inv", "plan", "abc", f"answer {n}") for n in range(30)),
        )
        kept = {await one.get("inv", "plan", "abc") for one in journals}
    assert len(kept) == 1


async def test_an_answer_of_a_megabyte_comes_back_whole(database: Database) -> None:
    answer = "ä€𝄞 '\"\\%?:$1 " * 60_000
    await SqlJournal(database).put("inv", "plan", "abc", answer)
    assert await SqlJournal(database).get("inv", "plan", "abc") == answer


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(
    key=st.tuples(*[TEXT] * 3),
    answer=TEXT,
)
def test_any_text_is_a_key_and_an_answer(address: SqlAddress, key: tuple[str, str, str], answer: str) -> None:
    async def put_and_get() -> str | None:
        async with open_database(address) as database:
            await SqlJournal(database).put(*key, answer)
            await database.run("DELETE FROM call_journal WHERE answer <> ?", (answer,))
            await SqlJournal(database).put(*key, answer)
            return await SqlJournal(database).get(*key)

    assert asyncio.run(put_and_get()) == answer


async def test_attempts_count_up_and_done_is_done(database: Database) -> None:
    markers = SqlMarkers(database)
    assert [await markers.next_attempt("inv") for _ in range(3)] == [1, 2, 3]
    assert not await markers.is_done("inv")
    await markers.mark_done("inv")
    await markers.mark_done("inv")
    await markers.mark_done("other")
    assert await markers.is_done("inv")
    assert await markers.is_done("other")
    assert await markers.next_attempt("inv") == 4


async def test_only_a_counted_start_is_one(database: Database) -> None:
    markers = SqlMarkers(database)
    assert not await markers.was_started("inv")
    await markers.mark_done("inv")
    assert not await markers.was_started("inv")
    await markers.next_attempt("inv")
    assert await markers.was_started("inv")
    assert not await markers.was_started("other")


async def test_starts_counted_at_once_by_several_processes_are_all_counted(address: SqlAddress) -> None:
    async with _opened(address, 3) as databases:
        markers = [SqlMarkers(one) for one in databases]
        counted = await asyncio.gather(*(markers[n % 3].next_attempt(f"inv-{n % 5}") for n in range(100)))
    assert sorted(counted) == sorted(list(range(1, 21)) * 5)


async def test_what_is_written_survives_and_is_seen_by_others(address: SqlAddress) -> None:
    async with _opened(address, 2) as (one, other):
        await SqlJournal(one).put("inv", "plan", "abc", "answer")
        assert await SqlJournal(other).get("inv", "plan", "abc") == "answer"
    async with open_database(address) as again:
        assert await SqlJournal(again).get("inv", "plan", "abc") == "answer"


async def test_many_processes_may_open_an_empty_database_at_once(address: SqlAddress) -> None:
    async def open_and_count() -> int:
        async with open_database(address) as opened:
            return await SqlMarkers(opened).next_attempt("inv")

    assert sorted(await asyncio.gather(*(open_and_count() for _ in range(8)))) == list(range(1, 9))


async def test_a_tenant_nobody_configured_has_defaults(database: Database) -> None:
    store = ControlStore(database)
    assert await store.tenant("acme") == Tenant(tenant="acme")
    await store.put_tenant(Tenant(tenant="acme", tier=Tier.FREE))
    assert (await store.tenant("acme")).effective_limits.investigations_per_day == 10
    await store.put_tenant(Tenant(tenant="acme", tier=Tier.PRO))
    assert (await store.tenant("acme")).tier is Tier.PRO


async def test_policies_come_in_order_with_the_default_last(database: Database) -> None:
    store = ControlStore(database)
    late = Policy(policy_id="late", tenant="acme", rank=9, action=PolicyAction.IGNORE)
    early = Policy(policy_id="early", tenant="acme", rank=1, condition='severity == "critical"')
    await store.put_policy(late)
    await store.put_policy(early)
    await store.put_policy(Policy(policy_id="foreign", tenant="other"))
    assert await store.policies("acme") == (early, late, DEFAULT_POLICY)


async def test_documents_come_in_the_order_of_their_names_whatever_the_locale(database: Database) -> None:
    store = ControlStore(database)
    names = ["b", "B", "a-b", "ab", "ä", "a_b", "é", "10", "9"]
    for name in names:
        await store.put_runbook(Runbook(runbook_id=name, tenant="acme", title=name, body="x"))
    assert [one.runbook_id for one in await store.runbooks("acme")] == sorted(names)


async def test_silences_end(database: Database) -> None:
    store = ControlStore(database)
    silence = Silence(
        silence_id="s1",
        tenant="acme",
        matchers=(Matcher(field="service", value="cart"),),
        starts_at=EPOCH,
        ends_at=EPOCH + timedelta(hours=1),
    )
    await store.put_silence(silence)
    assert await store.silences("acme", EPOCH) == (silence,)
    assert await store.silences("acme", EPOCH + timedelta(hours=1)) == ()
    assert not await store.delete_silence("other", "s1")
    assert await store.delete_silence("acme", "s1")
    assert not await store.delete_silence("acme", "s1")


async def test_topology_and_runbooks_are_kept_whole(database: Database) -> None:
    store = ControlStore(database)
    assert (await store.topology("acme")).calls == {}
    topology = ServiceTopology(tenant="acme", calls={"web": ("cart", "pay")}, hosts={"cart": "node-1"})
    runbook = Runbook(runbook_id="r", tenant="acme", title="100 % of '?' and \0", body="Look at the pool.")
    await store.put_topology(topology)
    await store.put_runbook(runbook)
    assert await store.topology("acme") == topology
    assert await store.runbooks("acme") == (runbook,)


async def test_rows_of_a_statement_without_any_are_none(database: Database) -> None:
    insert = (
        "INSERT INTO call_journal (investigation_id, step, prompt_hash, answer) VALUES ('i', 's', 'p', 'a')"
    )
    assert await database.rows(insert) == []
    assert await database.rows(f"{insert} ON CONFLICT DO NOTHING") == []
    assert await database.run("UPDATE call_journal SET answer = ?", ("b",)) == 1
    assert await database.run("DELETE FROM call_journal WHERE step = ?", ("absent",)) == 0


async def test_true_is_kept_as_one(database: Database) -> None:
    sql = "INSERT INTO investigation_markers (investigation_id, done) VALUES (?, ?)"
    await database.run(sql, ("inv", True))
    assert await database.rows("SELECT done, attempts FROM investigation_markers") == [(1, 0)]


async def test_all_or_none(database: Database) -> None:
    insert = "INSERT INTO documents (kind, tenant, id, version, body) VALUES ('k', 't', ?, 1, '{}')"
    with pytest.raises(IntegrityError):
        await database.atomically([(insert, ("a",)), (insert, ("b",)), (insert, ("a",))])
    assert await database.rows("SELECT id FROM documents") == []
    await database.atomically([(insert, ("a",)), (insert, ("b",))])
    assert sorted(await database.rows("SELECT id FROM documents")) == [("a",), ("b",)]


async def test_what_the_database_refuses_is_a_defect_and_not_tried_again(database: Database) -> None:
    with pytest.raises(IntegrityError, match="absent"):
        await database.rows("SELECT * FROM absent")
    with pytest.raises(IntegrityError, match=r"(?i)not.null"):
        await database.run("INSERT INTO documents (kind) VALUES ('x')")
    assert await database.rows("SELECT count(*) FROM documents") == [(0,)], "it is usable after that"


async def test_migrations_go_up_and_down_and_up(address: SqlAddress) -> None:
    migrations = load_sql_migrations()
    async with open_database(address, migrate=False) as database:
        migrator = SqlMigrator(database, migrations)
        assert {one.state for one in await migrator.status()} == {MigrationState.PENDING}
        assert not any([await database.has_table(name) for name in TABLES])
        assert await migrator.up() == migrations
        assert await migrator.up() == ()
        assert not await migrator.is_pending()
        assert all([await database.has_table(name) for name in TABLES])
        await SqlMarkers(database).mark_done("inv")
        assert await migrator.down(0) == tuple(reversed(migrations))
        assert not await database.has_table("documents")
        with pytest.raises(InvalidRequestError):
            await migrator.down(-1)
    async with open_database(address) as database:
        assert not await SqlMarkers(database).is_done("inv")


async def test_a_migration_that_fails_leaves_nothing_and_says_so(database: Database) -> None:
    known = load_sql_migrations()
    broken = replace(
        known[0],
        number=len(known) + 1,
        name="broken",
        up=("CREATE TABLE half (id INTEGER)", "CREATE TABLE other (id INTEGER) nonsense"),
        checksum="1",
    )
    with pytest.raises(IntegrityError, match="nonsense"):
        await SqlMigrator(database, [*known, broken]).up()
    assert not await database.has_table("half")
    assert [one.state for one in await SqlMigrator(database, [*known, broken]).status()][-1] == "pending"


async def test_a_migration_changed_afterwards_is_refused(database: Database) -> None:
    first, *rest = load_sql_migrations()
    migrator = SqlMigrator(database, [replace(first, checksum="another"), *rest])
    with pytest.raises(ConfigurationError, match="was changed after it was applied"):
        await migrator.up()


async def test_an_older_version_runs_on_the_tables_of_a_newer_one_but_does_not_migrate_them(
    address: SqlAddress,
) -> None:
    async with open_database(address) as database:
        note = AppliedMigration("later", "1")
        await database.run(
            "INSERT INTO sql_migrations (number, name, checksum) VALUES (?, ?, ?)",
            (9_999, note.name, note.checksum),
        )
    async with open_database(address) as database:
        assert await SqlMarkers(database).next_attempt("inv") == 1
        migrator = SqlMigrator(database, load_sql_migrations())
        assert (await migrator.status())[-1].state is MigrationState.UNKNOWN
        with pytest.raises(ConfigurationError, match="by a newer version"):
            await migrator.down(0)
