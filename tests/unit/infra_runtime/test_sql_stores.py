from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.sql import ControlStore, Database, SqlJournal, SqlMarkers, open_database
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
from schemas.errors import IntegrityError, UnavailableError
from tests.fakes.events import EPOCH


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "deep" / "control.sqlite") as opened:
        yield opened


async def test_the_first_answer_of_a_call_stays(database: Database) -> None:
    journal = SqlJournal(database)
    assert await journal.get("inv", "plan", "abc") is None
    await journal.put("inv", "plan", "abc", "first")
    await journal.put("inv", "plan", "abc", "second")
    assert await journal.get("inv", "plan", "abc") == "first"
    assert await journal.get("inv", "rank", "abc") is None


async def test_attempts_count_up_and_done_is_done(database: Database) -> None:
    markers = SqlMarkers(database)
    assert [await markers.next_attempt("inv") for _ in range(3)] == [1, 2, 3]
    assert not await markers.is_done("inv")
    await markers.mark_done("inv")
    await markers.mark_done("other")
    assert await markers.is_done("inv")
    assert await markers.is_done("other")


async def test_only_a_counted_start_is_one(database: Database) -> None:
    markers = SqlMarkers(database)
    assert not await markers.was_started("inv")
    await markers.mark_done("inv")
    assert not await markers.was_started("inv")
    await markers.next_attempt("inv")
    assert await markers.was_started("inv")
    assert not await markers.was_started("other")


async def test_what_is_written_survives_and_is_seen_by_others(tmp_path: Path) -> None:
    path = tmp_path / "control.sqlite"
    async with open_database(path) as one, open_database(path) as other:
        await SqlJournal(one).put("inv", "plan", "abc", "answer")
        assert await SqlJournal(other).get("inv", "plan", "abc") == "answer"
    async with open_database(path) as again:
        assert await SqlJournal(again).get("inv", "plan", "abc") == "answer"


async def test_many_processes_may_open_at_once(tmp_path: Path) -> None:
    async def open_and_count() -> int:
        async with open_database(tmp_path / "control.sqlite") as opened:
            return await SqlMarkers(opened).next_attempt("inv")

    assert sorted(await asyncio.gather(*(open_and_count() for _ in range(8)))) == list(range(1, 9))


async def test_calls_at_once_take_turns_on_the_connection(database: Database) -> None:
    markers = SqlMarkers(database)
    counted = await asyncio.gather(*(markers.next_attempt(f"inv-{n % 5}") for n in range(100)))
    assert sorted(counted) == sorted(list(range(1, 21)) * 5)
    read = await asyncio.gather(*(markers.is_done(f"inv-{n}") for n in range(50)), markers.mark_done("inv-0"))
    assert read[-1] is None


async def test_a_tenant_nobody_configured_has_defaults(database: Database) -> None:
    store = ControlStore(database)
    assert await store.tenant("acme") == Tenant(tenant="acme")
    await store.put_tenant(Tenant(tenant="acme", tier=Tier.FREE))
    assert (await store.tenant("acme")).effective_limits.investigations_per_day == 10


async def test_policies_come_in_order_with_the_default_last(database: Database) -> None:
    store = ControlStore(database)
    late = Policy(policy_id="late", tenant="acme", rank=9, action=PolicyAction.IGNORE)
    early = Policy(policy_id="early", tenant="acme", rank=1, condition='severity == "critical"')
    await store.put_policy(late)
    await store.put_policy(early)
    await store.put_policy(Policy(policy_id="foreign", tenant="other"))
    assert await store.policies("acme") == (early, late, DEFAULT_POLICY)


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
    assert await store.delete_silence("acme", "s1")
    assert not await store.delete_silence("acme", "s1")


async def test_topology_and_runbooks_are_kept_whole(database: Database) -> None:
    store = ControlStore(database)
    assert (await store.topology("acme")).calls == {}
    topology = ServiceTopology(tenant="acme", calls={"web": ("cart", "pay")}, hosts={"cart": "node-1"})
    runbook = Runbook(runbook_id="r", tenant="acme", title="Cart is slow", body="Look at the pool.")
    await store.put_topology(topology)
    await store.put_runbook(runbook)
    assert await store.topology("acme") == topology
    assert await store.runbooks("acme") == (runbook,)


async def test_errors_are_ours(database: Database, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no such table"):
        await database.rows("SELECT * FROM absent")
    with pytest.raises(IntegrityError, match="NOT NULL"):
        await database.run("INSERT INTO documents (kind) VALUES ('x')")
    with pytest.raises(UnavailableError):
        async with open_database(tmp_path):
            pass
