"""What the shop's services write into their logs: everyday lines, and those that a fault adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from infra.local.shop.faults import FaultKind
from schemas.events import LogSeverity

__all__ = [
    "CHATTER",
    "FAILED_CALL",
    "FAULT_LINES",
    "POOL_REFUSED",
    "SERVED_ERROR",
    "STALLED",
    "Line",
    "Writing",
]


@dataclass(frozen=True, slots=True)
class Line:
    """A logging statement. `rate` is lines per second at the mean load (or at full force of the fault).

    The text may name {id}, {ms}, {ip}, {n}, {other} and {user}.
    """

    text: str
    rate: float
    severity: LogSeverity = LogSeverity.INFO


@dataclass(frozen=True, slots=True)
class Writing:
    """What something that befalls a service adds to its lines; each comes `force` times as often as it says."""

    service: str
    lines: tuple[Line, ...]
    force: float


_INFO, _WARN, _ERROR = LogSeverity.INFO, LogSeverity.WARN, LogSeverity.ERROR
_ACCESS = Line("request {id} from {ip} served in {ms} ms", 0.15)
_QUERY = Line("executed statement {id} rows={n} in {ms} ms", 0.15)
_CHECKPOINT = Line("checkpoint complete: wrote {n} buffers in {ms} ms", 0.02)

CHATTER: Mapping[str, tuple[Line, ...]] = MappingProxyType(
    {
        "web-frontend": (_ACCESS, Line("rendered page /product/{n} for session {id}", 0.15)),
        "api-gateway": (_ACCESS, Line("routed {id} to upstream {n} in {ms} ms", 0.15)),
        "user": (_ACCESS, Line("session {id} refreshed for {user}", 0.1)),
        "catalog": (_ACCESS, Line("catalog page {n} assembled for request {id}", 0.1)),
        "search": (_ACCESS, Line("query {id} matched {n} documents", 0.1)),
        "cart": (_ACCESS, Line("cart {id} now holds {n} items", 0.1)),
        "recommendation": (_ACCESS, Line("scored {n} candidates for {user}", 0.1)),
        "checkout": (_ACCESS, Line("order {id} placed by {user} with {n} positions", 0.1)),
        "payment": (_ACCESS, Line("payment {id} authorised in {ms} ms", 0.1)),
        "inventory": (_ACCESS, Line("reserved {n} units of article {id}", 0.1)),
        "shipping": (_ACCESS, Line("label {id} printed, parcel of {n} grams", 0.08)),
        "notification": (
            Line("mail {id} handed to relay {ip}", 0.12),
            Line("template {n} rendered in {ms} ms", 0.08),
        ),
        "catalog-db": (_QUERY, _CHECKPOINT, Line("connection received: host={ip} port={n}", 0.06)),
        "user-db": (_QUERY, _CHECKPOINT, Line("connection received: host={ip} port={n}", 0.06)),
        "orders-db": (_QUERY, _CHECKPOINT, Line("connection received: host={ip} port={n}", 0.06)),
        "search-index": (
            Line("shard {n} searched for {id} in {ms} ms", 0.18),
            Line("refreshed segment {n}", 0.05),
        ),
        "session-cache": (Line("evicted {n} expired keys", 0.1), Line("accepted client {ip}", 0.08)),
    }
)
"""Everyday lines by service."""

SERVED_ERROR = Line("request {id} failed: status=500 after {ms} ms", 1.2, _ERROR)
"""Per second where every request fails."""
FAILED_CALL = Line("call to {other} failed for request {id}: deadline exceeded after {ms} ms", 1.5, _ERROR)
"""Per second where every call fails."""
POOL_REFUSED = Line("could not obtain a connection to {other} within {ms} ms, {n} waiting", 1.2, _ERROR)
"""Per second where nobody gets a connection."""
STALLED = Line("scheduler stalled for {ms} ms, cpu taken by the hypervisor", 0.5, _WARN)
"""Per second where the host gives no CPU at all."""

FAULT_LINES: Mapping[FaultKind, tuple[Line, ...]] = MappingProxyType(
    {
        FaultKind.CPU_HOG: (
            Line("worker {n} has been busy for {ms} ms, run queue length {n}", 0.6, _WARN),
            Line("watchdog: event loop lag of {ms} ms", 0.4, _WARN),
        ),
        FaultKind.MEMORY_LEAK: (
            Line("full collection took {ms} ms, {n} MiB still live", 0.7, _WARN),
            Line("OutOfMemoryError: could not allocate {n} bytes for request {id}", 0.3, _ERROR),
        ),
        FaultKind.BAD_DEPLOY: (
            Line(
                "unhandled KeyError in handler for request {id}: missing field at position {n}", 1.1, _ERROR
            ),
            Line("started worker {n} with build {id}", 0.15, _INFO),
        ),
        FaultKind.SLOW_DEPENDENCY: (
            Line("slow statement {id}: {ms} ms, waiting for lock held by transaction {n}", 0.7, _WARN),
            Line("{n} sessions in state waiting", 0.25, _INFO),
        ),
        FaultKind.CONNECTION_POOL: (
            Line("connection {id} checked out for {ms} ms and not returned", 0.6, _WARN),
        ),
        FaultKind.NETWORK_DELAY: (
            Line("peer {ip} did not acknowledge segment {n}, retransmitting", 0.6, _WARN),
            Line("connection to {ip} reset by peer while reading response {id}", 0.3, _ERROR),
        ),
        FaultKind.DISK_FULL: (
            Line("could not extend file base/{n}: No space left on device", 0.9, _ERROR),
            Line("write of {n} bytes took {ms} ms", 0.4, _WARN),
        ),
        FaultKind.NOISY_NEIGHBOUR: (
            Line("rebuild job {id}: partition {n} processed in {ms} ms", 0.8, _INFO),
            Line("rebuild job {id} uses {n} worker threads", 0.2, _INFO),
        ),
        FaultKind.CONFIG_FLAG: (
            Line("experiment path: expanded request {id} into {n} lookups", 0.8, _INFO),
            Line("request {id} exceeded its lookup budget of {n}", 0.4, _WARN),
        ),
    }
)
"""What the owner of a fault writes, at the fault's full force."""
