"""What the API needs from outside, as protocols, and `Deps`, which holds one of each; infra.cli joins them.

Unless a method says otherwise it may raise UnavailableError, which a caller sees as 503 with Retry-After.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from api.read_ports import ReadDeps
from schemas.access import Principal
from schemas.control import Tenant
from schemas.events import Event
from schemas.metrics import Recorder

__all__ = [
    "Authenticator",
    "Clock",
    "ConfigRules",
    "Deps",
    "Documents",
    "IdempotencyStore",
    "Ids",
    "MetricsPage",
    "Probe",
    "Publisher",
    "RateLimiter",
    "RateVerdict",
    "Replay",
    "Reservation",
    "Reserved",
    "StillRunning",
    "StoredDocument",
    "StoredResponse",
    "Tenants",
    "Tracer",
]


class Clock(Protocol):
    """Time. No method raises."""

    def now(self) -> datetime:
        """The wall clock, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...


class Ids(Protocol):
    """New names for what has no cause of its own, such as a request. Never raises."""

    def new(self, prefix: str) -> str: ...


class Tracer(Protocol):
    """Spans by W3C `traceparent`. Never raises."""

    def span(self, method: str, traceparent: str) -> AbstractContextManager[str]:
        """A request: continue the trace, or begin one for an empty text; yields the span's own traceparent."""
        ...


class Publisher(Protocol):
    """Sends events to their topics; what has returned is acknowledged by the broker."""

    async def publish(self, event: Event, *, traceparent: str = "") -> None: ...

    async def publish_all(self, events: Sequence[Event], *, traceparent: str = "") -> None:
        """Send many at once. Raises TerminalError when the broker refuses one of them for good."""
        ...


class Authenticator(Protocol):
    """Proves credentials."""

    async def authenticate(self, credential: str) -> Principal | None:
        """Return who the credential proves, None where it proves nobody: malformed, unknown, expired, revoked."""
        ...


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """What a token bucket says: `limit` requests per `window_s`, `remaining` of them now; times in seconds."""

    allowed: bool
    limit: int
    window_s: int
    remaining: int
    retry_after_s: float
    """How long until there is a token; 0 when allowed."""


class RateLimiter(Protocol):
    """One token bucket per principal."""

    async def take(self, principal: Principal) -> RateVerdict: ...


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response that is given again when its request is repeated."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reserved:
    """The request is the first of its key: do the work, then `keep` or `release`."""


@dataclass(frozen=True, slots=True)
class StillRunning:
    """The same request is at work; `same` False when it is another request under the same key."""

    same: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """The request was answered before; `same` False when that was another request under the same key."""

    same: bool
    response: StoredResponse


Reservation = Reserved | StillRunning | Replay


class IdempotencyStore(Protocol):
    """Remembers for a day what became of requests with an Idempotency-Key. Keys are unique within a tenant."""

    async def reserve(self, tenant: str, key: str, fingerprint: str) -> Reservation:
        """Take the key for a request, if nobody has it. `fingerprint` is a hash of all that makes the request."""
        ...

    async def keep(self, tenant: str, key: str, fingerprint: str, response: StoredResponse) -> None: ...

    async def release(self, tenant: str, key: str, fingerprint: str) -> None:
        """Give it back: the request did nothing."""
        ...


class StoredDocument(Protocol):
    """One piece of configuration."""

    @property
    def id(self) -> str: ...

    @property
    def body(self) -> str:
        """JSON."""
        ...

    @property
    def etag(self) -> str:
        """Changes with every change."""
        ...


class Documents(Protocol):
    """Configuration by kind (silence, policy, topology, runbook, tenant), tenant and id."""

    async def get(self, kind: str, tenant: str, name: str) -> StoredDocument | None: ...

    async def page(self, kind: str, tenant: str, *, after: str, limit: int) -> tuple[StoredDocument, ...]:
        """Return those whose id follows `after`, in order of id."""
        ...

    async def page_of_all(self, kind: str, *, after: str, limit: int) -> tuple[StoredDocument, ...]:
        """Return those of every tenant whose tenant follows `after`, in order of tenant; for kinds with one each."""
        ...

    async def create(self, kind: str, tenant: str, name: str, version: int, body: str) -> bool:
        """Return False where there is one already."""
        ...

    async def replace(  # noqa: PLR0913 - the three parts of a name, what was, what shall be
        self, kind: str, tenant: str, name: str, *, etag: str, version: int, body: str
    ) -> bool:
        """Return False where the one that is there has another etag, or there is none."""
        ...

    async def delete(self, kind: str, tenant: str, name: str, *, etag: str) -> bool:
        """Return False where the one that is there has another etag, or there is none."""
        ...


class Tenants(Protocol):
    async def tenant(self, tenant: str) -> Tenant:
        """Return the tenant, with the defaults where nobody has said anything."""
        ...


class ConfigRules(Protocol):
    """What triage would make of configuration. Never raises and does not block."""

    def condition_problem(self, condition: str) -> str:
        """Return why a policy's condition cannot be understood, or an empty text."""
        ...

    def pattern_problem(self, pattern: str) -> str:
        """Return why a regular expression cannot be understood, or an empty text."""
        ...


class Probe(Protocol):
    """One thing that the API needs in order to serve."""

    @property
    def name(self) -> str: ...

    async def check(self) -> str:
        """Return what was found, in a few words. Raises TocsinError saying why it is not ready."""
        ...


class MetricsPage(Protocol):
    """The Prometheus text exposition of this process. Does not block."""

    def render(self) -> tuple[bytes, str]:
        """Return the page and its content type."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """One of everything that routes reach for."""

    publisher: Publisher
    documents: Documents
    tenants: Tenants
    rules: ConfigRules
    authenticator: Authenticator
    limiter: RateLimiter
    idempotency: IdempotencyStore
    probes: Sequence[Probe]
    metrics: MetricsPage
    reads: ReadDeps
    recorder: Recorder
    tracer: Tracer
    clock: Clock
    ids: Ids
    home: str = "default"
    """The tenant of the installation itself: its admins manage the others."""
    stopping: asyncio.Event
    """Set when the process is asked to stop: streams end, /ready says no."""
