"""The shop's services: who calls whom how often, what runs where, and what each needs on a normal day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.control import ServiceTopology

__all__ = [
    "CALLERS",
    "ENTRY",
    "ENTRY_RATE",
    "NOMINAL_RATE",
    "SHOP",
    "TOP_DOWN",
    "Call",
    "Service",
    "shop_topology",
]

ENTRY = "web-frontend"
ENTRY_RATE = 120.0
"""Requests of users a second at the entry, averaged over the day."""
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Call:
    """`per_request` calls of `callee` for each request: below 1, the share of requests that need it at all."""

    callee: str
    per_request: float


@dataclass(frozen=True, slots=True)
class Service:
    """What a service is like when all is well. Calls are made in order, so a failed one saves those after it.

    `own_ms` is the median time spent in the service itself, `cpu` the share of its quota used at the mean load.
    `pooled` names the callee reached through a bounded connection pool. Stores (databases, caches) have no
    garbage collector.
    """

    name: str
    host: str
    own_ms: float
    cpu: float
    memory: float
    disk: float
    threads: float
    calls: tuple[Call, ...] = ()
    pooled: str = ""
    store: bool = False


def _calls(**per_request: float) -> tuple[Call, ...]:
    return tuple(Call(name.replace("_", "-"), count) for name, count in per_request.items())


_SERVICES = (
    Service("web-frontend", "node-1", 9, 0.32, 420 * _MIB, 0.31, 40, _calls(api_gateway=1)),
    Service(
        "api-gateway",
        "node-2",
        4,
        0.36,
        310 * _MIB,
        0.28,
        48,
        _calls(user=0.3, catalog=0.45, search=0.25, cart=0.25, recommendation=0.3, checkout=0.2),
    ),
    Service("user", "node-1", 6, 0.24, 520 * _MIB, 0.35, 32, _calls(session_cache=1, user_db=2), "user-db"),
    Service("catalog", "node-3", 8, 0.34, 760 * _MIB, 0.41, 36, _calls(catalog_db=2), "catalog-db"),
    Service("search", "node-4", 11, 0.38, 900 * _MIB, 0.44, 28, _calls(search_index=2)),
    Service("cart", "node-5", 5, 0.22, 380 * _MIB, 0.30, 24, _calls(session_cache=2, catalog=0.5)),
    Service("recommendation", "node-2", 14, 0.21, 840 * _MIB, 0.47, 24, _calls(session_cache=1, catalog=0.6)),
    Service(
        "checkout",
        "node-4",
        10,
        0.27,
        560 * _MIB,
        0.33,
        32,
        _calls(cart=1, inventory=1, payment=1, orders_db=3, shipping=0.8, notification=0.8),
        "orders-db",
    ),
    Service("payment", "node-5", 28, 0.26, 480 * _MIB, 0.29, 28, _calls(orders_db=1), "orders-db"),
    Service("inventory", "node-6", 7, 0.25, 440 * _MIB, 0.36, 24, _calls(catalog_db=2), "catalog-db"),
    Service("shipping", "node-3", 12, 0.20, 400 * _MIB, 0.38, 20, _calls(orders_db=1), "orders-db"),
    Service("notification", "node-5", 8, 0.16, 300 * _MIB, 0.34, 20, _calls(user_db=1)),
    Service("catalog-db", "data-1", 3.0, 0.36, 6200 * _MIB, 0.58, 64, store=True),
    Service("user-db", "data-1", 2.5, 0.24, 4100 * _MIB, 0.52, 64, store=True),
    Service("orders-db", "data-2", 3.5, 0.30, 7300 * _MIB, 0.63, 64, store=True),
    Service("search-index", "data-2", 8.0, 0.41, 5400 * _MIB, 0.55, 64, store=True),
    Service("session-cache", "node-6", 0.9, 0.18, 1800 * _MIB, 0.22, 64, store=True),
)

SHOP: Mapping[str, Service] = MappingProxyType({service.name: service for service in _SERVICES})
"""Every service by name."""


def _top_down() -> tuple[str, ...]:
    """Callers before those they call."""
    waiting = {name: sum(name == call.callee for s in _SERVICES for call in s.calls) for name in SHOP}
    ready, ordered = [ENTRY], list[str]()
    while ready:
        name = ready.pop(0)
        ordered.append(name)
        for call in SHOP[name].calls:
            waiting[call.callee] -= 1
            if waiting[call.callee] == 0:
                ready.append(call.callee)
    return tuple(ordered)


TOP_DOWN: tuple[str, ...] = _top_down()


def _nominal_rates() -> Mapping[str, float]:
    rates = dict.fromkeys(SHOP, 0.0) | {ENTRY: ENTRY_RATE}
    for name in TOP_DOWN:
        for call in SHOP[name].calls:
            rates[call.callee] += rates[name] * call.per_request
    return MappingProxyType(rates)


NOMINAL_RATE: Mapping[str, float] = _nominal_rates()
"""Requests a second of each service at the mean load."""

CALLERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(s.name for s in _SERVICES if any(c.callee == name for c in s.calls)) for name in SHOP}
)


def shop_topology(tenant: str) -> ServiceTopology:
    """The shop as the control plane keeps it."""
    return ServiceTopology(
        tenant=tenant,
        calls={s.name: tuple(call.callee for call in s.calls) for s in _SERVICES if s.calls},
        hosts={s.name: s.host for s in _SERVICES},
    )
