"""The API's ports in memory, and the application over them: for tests of routes that need no server."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from api.app import create_app
from api.options import ApiOptions
from api.ports import (
    Deps,
    Probe,
    RateVerdict,
    Replay,
    Reservation,
    Reserved,
    StillRunning,
    StoredResponse,
)
from infra.runtime.sql.documents import Document
from schemas.access import Principal, Role
from schemas.control import Tenant
from schemas.events import Event
from schemas.metrics import Metric
from tests.fakes.api_reads import make_reads
from tests.fakes.events import EPOCH

__all__ = ["FakeApi", "FakeProbe", "Meter", "client_of", "make_api"]

TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass
class Meter:
    """Satisfies Recorder: keeps everything."""

    seen: list[tuple[str, float, dict[str, str]]] = field(default_factory=list)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        self.seen.append((metric.name, amount, labels))

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        self.seen.append((metric.name, value, labels))

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self.seen.append((metric.name, value, labels))


@dataclass
class ManualClock:
    at: datetime = EPOCH
    ticks: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    def pass_s(self, seconds: float) -> None:
        self.ticks += seconds
        self.at += timedelta(seconds=seconds)


@dataclass
class KeptEvents:
    """Satisfies Publisher; `failure` is raised instead when set."""

    events: list[Event] = field(default_factory=list)
    traceparents: list[str] = field(default_factory=list)
    failure: Exception | None = None

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        await self.publish_all([event], traceparent=traceparent)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str = "") -> None:
        if self.failure is not None:
            raise self.failure
        self.events += events
        self.traceparents.append(traceparent)


@dataclass
class KnownKeys:
    """Satisfies Authenticator: `<tenant>.<role>[+<role>]` is a key of that tenant with those roles."""

    async def authenticate(self, credential: str) -> Principal | None:
        tenant, dot, roles = credential.partition(".")
        if not dot or not set(roles.split("+")) <= set(Role):
            return None
        return Principal(
            name=f"key:{credential}", tenant=tenant, roles=frozenset(map(Role, roles.split("+")))
        )


@dataclass
class Bucket:
    """Satisfies RateLimiter: so many requests, never refilled."""

    left: int = 10_000

    async def take(self, principal: Principal) -> RateVerdict:
        self.left -= 1
        allowed = self.left >= 0
        return RateVerdict(allowed, 10_000, 60, max(self.left, 0), 0.0 if allowed else 6.2)


@dataclass
class RememberedRequests:
    """Satisfies IdempotencyStore."""

    running: dict[tuple[str, str], str] = field(default_factory=dict)
    kept: dict[tuple[str, str], tuple[str, StoredResponse]] = field(default_factory=dict)

    async def reserve(self, tenant: str, key: str, fingerprint: str) -> Reservation:
        if (tenant, key) in self.kept:
            before, response = self.kept[tenant, key]
            return Replay(before == fingerprint, response)
        if (tenant, key) in self.running:
            return StillRunning(self.running[tenant, key] == fingerprint)
        self.running[tenant, key] = fingerprint
        return Reserved()

    async def keep(self, tenant: str, key: str, fingerprint: str, response: StoredResponse) -> None:
        del self.running[tenant, key]
        self.kept[tenant, key] = (fingerprint, response)

    async def release(self, tenant: str, key: str, fingerprint: str) -> None:
        self.running.pop((tenant, key), None)


@dataclass
class DocumentsInMemory:
    """Satisfies Documents."""

    bodies: dict[tuple[str, str, str], str] = field(default_factory=dict)

    async def get(self, kind: str, tenant: str, name: str) -> Document | None:
        body = self.bodies.get((kind, tenant, name))
        return None if body is None else _stored(name, body)

    async def page(self, kind: str, tenant: str, *, after: str, limit: int) -> tuple[Document, ...]:
        named = sorted((name, body) for (k, t, name), body in self.bodies.items() if (k, t) == (kind, tenant))
        return tuple(_stored(name, body) for name, body in named if name > after)[:limit]

    async def page_of_all(self, kind: str, *, after: str, limit: int) -> tuple[Document, ...]:
        found = sorted(
            (t, name, body) for (k, t, name), body in self.bodies.items() if k == kind and t > after
        )
        return tuple(_stored(name, body) for _, name, body in found)[:limit]

    async def create(self, kind: str, tenant: str, name: str, version: int, body: str) -> bool:
        return self.bodies.setdefault((kind, tenant, name), body) is body

    async def replace(self, kind: str, tenant: str, name: str, *, etag: str, version: int, body: str) -> bool:
        current = await self.get(kind, tenant, name)
        if current is None or current.etag != etag:
            return False
        self.bodies[kind, tenant, name] = body
        return True

    async def delete(self, kind: str, tenant: str, name: str, *, etag: str) -> bool:
        current = await self.get(kind, tenant, name)
        if current is None or current.etag != etag:
            return False
        del self.bodies[kind, tenant, name]
        return True


def _stored(name: str, body: str) -> Document:
    return Document(name, body, hashlib.sha256(body.encode()).hexdigest()[:16])


class PlainTenants:
    async def tenant(self, tenant: str) -> Tenant:
        return Tenant(tenant=tenant)


class StrictRules:
    """Satisfies ConfigRules: whatever holds a `!!` cannot be understood."""

    def condition_problem(self, condition: str) -> str:
        return "!! means nothing" if "!!" in condition else ""

    def pattern_problem(self, pattern: str) -> str:
        return "!! is no pattern" if "!!" in pattern else ""


@dataclass
class FakeProbe:
    name: str = "broker"
    outcome: str | Exception = "fine"
    hangs: bool = False
    asked: int = 0

    async def check(self) -> str:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class OnePage:
    def render(self) -> tuple[bytes, str]:
        return b"tocsin_up 1\n", "text/plain; version=1.0.0; charset=utf-8"


class OneTrace:
    @contextmanager
    def span(self, method: str, traceparent: str) -> Iterator[str]:
        yield traceparent or f"00-{TRACE}-b7ad6b7169203331-01"


class Numbered:
    """Satisfies Ids."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):06d}"


@dataclass
class FakeApi:
    """The parts that a test looks into, and what the application is made of."""

    deps: Deps
    options: ApiOptions
    clock: ManualClock
    publisher: KeptEvents
    documents: DocumentsInMemory
    requests: RememberedRequests
    limiter: Bucket
    meter: Meter


def make_api(probes: Sequence[Probe] = (), **changed: Any) -> FakeApi:
    """Return an API in memory; `changed` replaces options or deps by their names. Call it in a running loop."""
    clock, publisher, documents = ManualClock(), KeptEvents(), DocumentsInMemory()
    requests, limiter, meter = RememberedRequests(), Bucket(), Meter()
    options = ApiOptions(version="0.0.0-test", cursor_secret=b"not a secret")
    deps = Deps(
        publisher=publisher,
        documents=documents,
        tenants=PlainTenants(),
        rules=StrictRules(),
        authenticator=KnownKeys(),
        limiter=limiter,
        idempotency=requests,
        probes=tuple(probes),
        metrics=OnePage(),
        reads=make_reads(),
        recorder=meter,
        tracer=OneTrace(),
        clock=clock,
        ids=Numbered(),
        stopping=asyncio.Event(),
    )
    own = {name: value for name, value in changed.items() if name in ApiOptions.__dataclass_fields__}
    others = {name: value for name, value in changed.items() if name not in own}
    return FakeApi(
        replace(deps, **others),
        replace(options, **own),
        clock,
        publisher,
        documents,
        requests,
        limiter,
        meter,
    )


@asynccontextmanager
async def client_of(api: FakeApi, key: str = "acme.admin") -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that sends this key, over ASGI in this process."""
    transport = httpx.ASGITransport(app=create_app(api.options, api.deps))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client
