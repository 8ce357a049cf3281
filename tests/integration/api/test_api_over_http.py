"""The API as a server: real HTTP, real Redis, a real database, real keys; only Kafka is in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.responses import StreamingResponse

from api.app import create_app
from api.http.deps import DepsOf
from api.http.principal import Reader
from api.http.route import api_router
from infra.cli.compose.api import _bound, _config, _Server, _stop
from infra.cli.compose.api_ports import LenientLimiter, RandomIds, SpanTracer, StoredAnswers, TriageRules
from infra.cli.compose.api_probes import MemoryProbe, RedisProbe, SqlProbe
from infra.cli.key_ring import KeyRing
from infra.runtime.clock import SystemClock
from infra.runtime.redis import open_redis
from infra.runtime.security import ApiKeys
from infra.runtime.settings import Settings
from infra.runtime.sql import ControlStore, open_database
from infra.runtime.sql.documents import SqlDocuments
from infra.runtime.sql.keys import SqlKeys
from infra.runtime.telemetry import configure_tracing
from schemas.access import Role
from schemas.errors import UnavailableError
from tests.fakes.api import FakeApi, Meter, make_api

pytestmark = pytest.mark.redis

PEPPER = b"the pepper of this test"
SILENCE: dict[str, Any] = {
    "matchers": [{"field": "service", "operator": "=~", "value": "cart|web"}],
    "starts_at": "2026-03-01T10:00:00Z",
    "ends_at": "2026-03-01T12:00:00Z",
}


@dataclass
class Served:
    url: str
    api: FakeApi
    ring: KeyRing
    stop: asyncio.Event
    done: asyncio.Task[None]

    async def client(self, *roles: Role, tenant: str = "acme") -> httpx.AsyncClient:
        _, text = await self.ring.make(tenant, roles)
        return httpx.AsyncClient(base_url=self.url, headers={"X-API-Key": text}, timeout=20)


@asynccontextmanager
async def serving(redis_url: str, folder: Path, **section: object) -> AsyncIterator[Served]:
    settings = Settings.model_validate(
        {"data_dir": folder, "redis": {"prefix": f"test-{uuid4().hex}"}, "api": section}
    )
    clock, meter, stop = SystemClock(), Meter(), asyncio.Event()
    async with open_redis(redis_url) as redis, open_database(settings.control_database) as database:
        keys = SqlKeys(database)
        fake = make_api(
            documents=SqlDocuments(database),
            tenants=ControlStore(database),
            rules=TriageRules(),
            authenticator=ApiKeys(keys, PEPPER, now=clock.now, monotonic=clock.monotonic, keep_s=0.05),
            limiter=LenientLimiter.over(redis, settings, meter, clock.monotonic),
            idempotency=StoredAnswers.over(redis, settings.redis.prefix),
            probes=[RedisProbe(redis), SqlProbe(database), MemoryProbe(4 << 30)],
            tracer=SpanTracer(configure_tracing("api", "")),
            clock=clock,
            ids=RandomIds(),
            recorder=meter,
            stopping=stop,
        )
        app = create_app(replace(fake.options, max_body=100_000), fake.deps)
        app.include_router(_ticks())
        with _bound("127.0.0.1", 0) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            done = asyncio.create_task(_serve(app, listener, stop))
            yield Served(url, fake, KeyRing(keys, PEPPER, clock), stop, done)
            stop.set()
            await done


async def _serve(app: object, listener: socket.socket, stop: asyncio.Event) -> None:
    server = _Server(_config(app, grace_s=1))
    asked = asyncio.create_task(_stop(server, stop))
    await server.serve([listener])
    await asked


def _ticks() -> Any:
    """A stream as ours are: it ends when the process stops. And one that does not care."""
    router = api_router("/ticks", "tests")

    @router.get("")
    async def ticks(_by: Reader, deps: DepsOf) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            yield "data: begun\n\n"
            await deps.stopping.wait()
            yield "data: ended\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    @router.get("/for-ever")
    async def ticks_for_ever(_by: Reader) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            while True:
                yield "data: again\n\n"
                await asyncio.sleep(0.01)

        return StreamingResponse(lines(), media_type="text/event-stream")

    return router


@pytest.fixture
async def served(redis_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(redis_url, tmp_path) as running:
        yield running


async def test_a_key_opens_its_tenant_until_it_is_revoked(served: Served) -> None:
    async with (
        await served.client(Role.ADMIN) as mine,
        await served.client(Role.ADMIN, tenant="other") as theirs,
    ):
        made = await mine.post("/v1/silences", json=SILENCE)
        assert made.status_code == 201, made.text
        assert (await theirs.get(made.headers["location"])).status_code == 404
        me = (await mine.get("/v1/me")).json()
        assert await served.ring.revoke("acme", me["principal"].removeprefix("key:"))
        async with asyncio.timeout(10):
            while (await mine.get("/v1/me")).status_code != 401:
                pass
        assert (await theirs.get("/v1/me")).status_code == 200


async def test_no_protected_route_takes_a_wrong_credential(served: Served) -> None:
    async with await served.client(Role.ADMIN) as admin:
        document = (await admin.get("/openapi.json")).json()
    right = (await served.ring.make("acme", [Role.ADMIN]))[1]
    wrong = cycle(["", "x", right[:-1] + ("0" if right[-1] != "0" else "1"), right.replace("live", "test")])
    async with httpx.AsyncClient(base_url=served.url) as stranger:
        for path, operations in document["paths"].items():
            if path in {"/health", "/ready", "/health/detailed"}:
                continue
            for method in operations:
                plain, credential = path.replace("{", "").replace("}", ""), next(wrong)
                answer = await stranger.request(method, plain, headers={"X-API-Key": credential})
                assert answer.status_code == 401, (method, path, credential)


async def test_one_of_many_repeats_at_once_makes_it(served: Served) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    async with await served.client(Role.ADMIN) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/runbooks", json={"title": "t", "body": "b"}, headers=key) for _ in range(8))
        )
        assert {one.status_code for one in answers} <= {201, 409}
        assert len({one.text for one in answers if one.status_code == 201}) == 1
        assert len((await client.get("/v1/runbooks")).json()["items"]) == 1
        again = await client.post("/v1/runbooks", json={"title": "t", "body": "b"}, headers=key)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")


async def test_of_many_changes_at_once_one_is_made(served: Served) -> None:
    async with await served.client(Role.ADMIN) as client:
        made = await client.post("/v1/policies", json={"policy_id": "p"})
        tag = {"If-Match": made.headers["etag"]}
        answers = await asyncio.gather(
            *(client.put("/v1/policies/p", json={"rank": rank}, headers=tag) for rank in range(8))
        )
        assert sorted(one.status_code for one in answers) == [200] + [412] * 7
        assert (await client.get("/v1/policies/p")).json()["version"] == 2


async def test_triage_itself_says_what_it_understands(served: Served) -> None:
    async with await served.client(Role.ADMIN) as client:
        good = 'severity in ["critical"] && alarm_count >= 2'
        assert (
            await client.post("/v1/policies", json={"policy_id": "a", "condition": good})
        ).status_code == 201
        bad = await client.post("/v1/policies", json={"policy_id": "b", "condition": "severty == 1"})
        assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "#/condition")
        matchers = [{"field": "name", "operator": "!~", "value": "("}]
        bad = await client.post("/v1/silences", json=SILENCE | {"matchers": matchers})
        assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "#/matchers/0/value")


async def test_a_body_is_refused_while_it_comes_and_the_server_goes_on(served: Served) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 10_000

    async with await served.client(Role.ADMIN) as client:
        headers = {"Content-Type": "application/json"}
        with suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
            answer = await client.post("/v1/silences", content=endless(), headers=headers)
            assert answer.status_code == 413
        told = await client.post("/v1/silences", content=b" " * 100_001, headers=headers)
        assert (told.status_code, told.json()["type"]) == (413, "urn:tocsin:problem:too-large")
        assert (await client.get("/v1/me")).status_code == 200


async def test_the_rate_is_each_keys_own(redis_url: str, tmp_path: Path) -> None:
    async with (
        serving(redis_url, tmp_path, rate_per_s=0.01, rate_burst=3) as served,
        await served.client(Role.VIEWER) as loud,
        await served.client(Role.VIEWER) as quiet,
    ):
        statuses = [(await loud.get("/v1/me")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        refused = await loud.get("/v1/me")
        assert 0 < int(refused.headers["retry-after"]) <= 100
        assert (await quiet.get("/v1/me")).status_code == 200
        assert (await loud.get("/health")).status_code == 200


async def test_without_redis_the_rate_is_held_by_the_process_and_ready_says_no(tmp_path: Path) -> None:
    async with serving("redis://127.0.0.1:1/0", tmp_path, rate_per_s=0.01, rate_burst=2) as served:
        async with await served.client(Role.ADMIN) as client:
            assert [(await client.get("/v1/me")).status_code for _ in range(3)] == [200, 200, 429]
            ready = await client.get("/ready")
            assert (ready.status_code, ready.json()["parts"]["redis"]) == (503, False)
            assert ready.json()["parts"]["sql"]
        async with await served.client(Role.ADMIN) as client:
            headers = {"Idempotency-Key": "k"}
            refused = await client.post("/v1/silences", json=SILENCE, headers=headers)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def test_streams_end_when_the_server_stops(redis_url: str, tmp_path: Path) -> None:
    async with serving(redis_url, tmp_path) as served:
        async with await served.client(Role.VIEWER) as client, client.stream("GET", "/v1/ticks") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "data: begun"
            started = asyncio.get_running_loop().time()
            served.stop.set()
            rest = [line async for line in lines if line]
            assert rest == ["data: ended"]
            await served.done
        assert asyncio.get_running_loop().time() - started < 10


async def test_a_stream_that_does_not_end_is_ended(redis_url: str, tmp_path: Path) -> None:
    async with serving(redis_url, tmp_path) as served:
        async with (
            await served.client(Role.VIEWER) as client,
            client.stream("GET", "/v1/ticks/for-ever") as answer,
        ):
            lines = answer.aiter_lines()
            assert await anext(lines) == "data: again"
            started = asyncio.get_running_loop().time()
            served.stop.set()
            with suppress(httpx.RemoteProtocolError):
                async for _ in lines:
                    pass
            await served.done
        assert asyncio.get_running_loop().time() - started < 10


async def test_memory_is_told_before_it_is_out(tmp_path: Path) -> None:

    statm = tmp_path / "statm"
    statm.write_text("100000 50000 1 1 0 1 0\n")
    probe = MemoryProbe(limit=300 << 20, statm=statm)
    assert "of 300 MiB" in await probe.check()
    with pytest.raises(UnavailableError, match="too much"):
        await MemoryProbe(limit=100 << 20, statm=statm).check()
    assert await MemoryProbe(limit=1, statm=tmp_path / "none").check() == "not known on this system"
