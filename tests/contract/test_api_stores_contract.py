"""What the API keeps in SQL and in Redis, over each of the databases and each of the servers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from infra.runtime.buckets import BucketRule
from infra.runtime.redis import open_redis
from infra.runtime.redis.buckets import RedisBuckets
from infra.runtime.redis.client import Redis
from infra.runtime.redis.idempotency import Answered, AtWork, First, RedisIdempotency
from infra.runtime.security import mint
from infra.runtime.sql import ControlStore, Database, open_database
from infra.runtime.sql.documents import SqlDocuments
from infra.runtime.sql.keys import SqlKeys
from infra.runtime.sql_address import PostgresServer, SqlAddress
from schemas.access import ApiKey, Role
from schemas.control import Policy, Tenant, Tier
from schemas.errors import IntegrityError, UnavailableError
from tests.fakes.events import EPOCH

RULE = BucketRule(per_s=0.5, burst=3)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.stack)])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    address: SqlAddress = tmp_path / "control.sqlite"
    if request.param == "postgres":
        address = PostgresServer(request.getfixturevalue("postgres_server").new_schema(), connections=4)
    async with open_database(address) as opened:
        yield opened


def key(number: int, tenant: str = "acme", changed: Mapping[str, object] | None = None) -> tuple[ApiKey, str]:
    minted = mint("live", random.Random(number).randbytes)
    made = {
        "key_id": minted.presented.key_id,
        "tenant": tenant,
        "label": f"key '{number}' ä€",
        "roles": [Role.SRE, Role.INGEST],
        "created_at": EPOCH + timedelta(microseconds=number),
    }
    return ApiKey.model_validate({**made, **(changed or {})}), minted.presented.digest(b"pepper")


async def test_a_key_comes_back_as_it_was(database: Database) -> None:
    keys = SqlKeys(database)
    assert await keys.find("none") is None
    for number, changed in enumerate(({}, {"expires_at": EPOCH + timedelta(days=1), "environment": "test"})):
        made, digest = key(number, changed=changed)
        await keys.add(made, digest)
        found = await keys.find(made.key_id)
        assert found is not None
        assert (found.key, found.digest) == (made, digest)


async def test_an_id_is_taken_once(database: Database) -> None:
    keys = SqlKeys(database)
    await keys.add(*key(1))
    with pytest.raises(IntegrityError):
        await keys.add(*key(1, "other"))


async def test_keys_are_listed_and_revoked_within_their_tenant(database: Database) -> None:
    keys = SqlKeys(database)
    mine, theirs = [key(n) for n in (3, 1, 2)], key(4, "other")
    for made in (*mine, theirs):
        await keys.add(*made)
    assert [one.created_at for one in await keys.list_of("acme")] == sorted(
        made.created_at for made, _ in mine
    )
    assert len(await keys.list_of(None)) == 4
    assert not await keys.revoke("acme", theirs[0].key_id, EPOCH)
    assert await keys.revoke("other", theirs[0].key_id, EPOCH)
    assert not await keys.revoke("other", theirs[0].key_id, EPOCH)
    assert [one.revoked_at for one in await keys.list_of("other")] == [EPOCH]


async def test_a_document_changes_only_for_whoever_saw_it(database: Database) -> None:
    documents = SqlDocuments(database)
    assert await documents.create("silence", "acme", "a", 1, '{"n": 1}')
    assert not await documents.create("silence", "acme", "a", 1, '{"n": 2}')
    seen = await documents.get("silence", "acme", "a")
    assert seen is not None
    assert seen.body == '{"n": 1}'
    assert not await documents.replace("silence", "acme", "a", etag="other", version=1, body="{}")
    assert await documents.replace("silence", "acme", "a", etag=seen.etag, version=1, body='{"n": 3}')
    assert not await documents.replace("silence", "acme", "a", etag=seen.etag, version=1, body='{"n": 4}')
    assert not await documents.delete("silence", "acme", "a", etag=seen.etag)
    now = await documents.get("silence", "acme", "a")
    assert now is not None
    assert now.etag != seen.etag
    assert await documents.delete("silence", "acme", "a", etag=now.etag)
    assert await documents.get("silence", "acme", "a") is None
    assert not await documents.delete("silence", "acme", "a", etag=now.etag)


async def test_of_many_changes_at_once_one_is_made(database: Database) -> None:
    documents = SqlDocuments(database)
    await documents.create("policy", "acme", "a", 1, "{}")
    seen = await documents.get("policy", "acme", "a")
    assert seen is not None
    done = await asyncio.gather(
        *(
            documents.replace("policy", "acme", "a", etag=seen.etag, version=2, body=f'{{"n": {n}}}')
            for n in range(10)
        )
    )
    assert sum(done) == 1


async def test_documents_are_paged_in_order_of_their_ids(database: Database) -> None:
    documents = SqlDocuments(database)
    for name in ("c", "a", "b", "e", "d"):
        await documents.create("runbook", "acme", name, 1, "{}")
    await documents.create("runbook", "other", "aa", 1, "{}")
    await documents.create("policy", "acme", "ab", 1, "{}")
    found, after = [], ""
    while page := await documents.page("runbook", "acme", after=after, limit=2):
        found += [one.id for one in page]
        after = page[-1].id
    assert found == ["a", "b", "c", "d", "e"]


async def test_tenants_are_paged_whosever_they_are(database: Database) -> None:
    documents = SqlDocuments(database)
    for name in ("c", "a", "b", "e", "d"):
        await documents.create("tenant", name, name, 1, Tenant(tenant=name).model_dump_json())
        await documents.create("policy", name, "p", 1, "{}")
    found, after = [], ""
    while page := await documents.page_of_all("tenant", after=after, limit=2):
        found += [Tenant.model_validate_json(one.body).tenant for one in page]
        after = page[-1].id
    assert found == ["a", "b", "c", "d", "e"]
    assert await documents.page_of_all("silence", after="", limit=2) == ()


async def test_limits_follow_what_the_api_wrote_of_a_tenant(database: Database) -> None:
    documents, control = SqlDocuments(database), ControlStore(database)
    assert not (await control.tenant("acme")).disabled
    await documents.create("tenant", "acme", "acme", 1, Tenant(tenant="acme").model_dump_json())
    seen = await documents.get("tenant", "acme", "acme")
    assert seen is not None
    disabled = Tenant(tenant="acme", tier=Tier.PRO, disabled=True)
    assert await documents.replace(
        "tenant", "acme", "acme", etag=seen.etag, version=1, body=disabled.model_dump_json()
    )
    assert await control.tenant("acme") == disabled
    assert (await control.tenant("acme")).effective_limits.investigations_per_day == 0
    assert (await control.tenant("acme")).effective_limits.retention_days == 30


async def test_triage_reads_what_the_api_wrote(database: Database) -> None:
    policy = Policy(policy_id="loud", tenant="acme", rank=5)
    await SqlDocuments(database).create("policy", "acme", "loud", 1, policy.model_dump_json())
    assert (await ControlStore(database).policies("acme"))[0] == policy


@pytest.mark.redis
async def test_a_bucket_is_shared_and_empties(redis: Redis, prefix: str) -> None:
    taken = await asyncio.gather(
        *(RedisBuckets(redis, RULE, prefix=prefix).take(name) for name in ["a"] * 20 + ["b"])
    )
    assert sum(one.allowed for one in taken[:20]) == 3
    assert taken[20].allowed
    assert {one.remaining for one in taken[:20] if one.allowed} == {0, 1, 2}
    assert all(0 < one.retry_after_s <= 2.001 for one in taken[:20] if not one.allowed)


@pytest.mark.redis
async def test_a_bucket_refills_and_is_forgotten(redis: Redis, prefix: str) -> None:
    buckets = RedisBuckets(redis, BucketRule(per_s=50, burst=1), prefix=prefix)
    assert (await buckets.take("a")).allowed
    while not (await buckets.take("a")).allowed:
        pass
    (name,) = [one async for one in redis.scan_iter(f"{prefix}:*")]
    assert 0 < await redis.pttl(name) <= 1_020 + 1


@pytest.mark.redis
async def test_a_key_is_reserved_kept_and_replayed(redis: Redis, prefix: str) -> None:
    store = RedisIdempotency(redis, prefix=prefix)
    assert await store.reserve("acme", "k", "f1") == First()
    assert await store.reserve("acme", "k", "f1") == AtWork(same=True)
    assert await store.reserve("acme", "k", "f2") == AtWork(same=False)
    assert await store.reserve("other", "k", "f2") == First()
    await store.keep("acme", "k", "f1", "answer ä€")
    assert await store.reserve("acme", "k", "f1") == Answered(same=True, response="answer ä€")
    assert await store.reserve("acme", "k", "f2") == Answered(same=False, response="answer ä€")
    await store.release("acme", "k", "f1")
    assert await store.reserve("acme", "k", "f1") == Answered(same=True, response="answer ä€")
    kept = [await redis.pttl(name) async for name in redis.scan_iter(f"{prefix}:*acme*")]
    assert 86_000_000 < kept[0] <= 86_400_000


@pytest.mark.redis
async def test_a_key_that_was_given_back_is_free(redis: Redis, prefix: str) -> None:
    store = RedisIdempotency(redis, prefix=prefix)
    await store.reserve("acme", "k", "f1")
    await store.release("acme", "k", "f2")
    assert await store.reserve("acme", "k", "f2") == AtWork(same=False)
    await store.release("acme", "k", "f1")
    assert await store.reserve("acme", "k", "f2") == First()
    await store.keep("acme", "k", "f1", "late")
    assert await store.reserve("acme", "k", "f2") == AtWork(same=True), "who lost the key keeps nothing"


@pytest.mark.redis
async def test_of_many_at_once_one_is_the_first(redis: Redis, prefix: str) -> None:
    store = RedisIdempotency(redis, prefix=prefix)
    found = await asyncio.gather(*(store.reserve("acme", "k", "f") for _ in range(20)))
    assert found.count(First()) == 1
    assert found.count(AtWork(same=True)) == 19


@pytest.mark.redis
async def test_without_redis_it_is_said() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as away:
        with pytest.raises(UnavailableError):
            await RedisBuckets(away, RULE, prefix="p").take("a")
        with pytest.raises(UnavailableError):
            await RedisIdempotency(away, prefix="p").reserve("t", "k", "f")
