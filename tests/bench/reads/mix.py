"""What is asked, how often, and by whom."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.reads.open_loop import Planned
from tests.bench.reads.past import SERVICES, Past

__all__ = ["EACH_ANEW", "PEER_ROWS", "POLLED", "Shares", "requests_for"]

_HOT: Final = 5
_FILTERS: Final = (
    "",
    "?open=true",
    "?severity=critical&severity=major",
    "?service={service}",
    "?sort=updated_at",
)
_ALARMS: Final = ("?status=firing", "?service={service}")
_STATES: Final = ("", "?state=completed", "?verdict=cause_found")
_COSTS: Final = ("?by=model", "?by=service", "?by=day")


@dataclass(frozen=True, slots=True)
class Shares:
    """How many in a hundred requests are of each kind, and how many looks at one thing are at the tenant's five newest."""

    kinds: Mapping[str, int]
    hot: int


POLLED: Final = Shares(
    {
        "incidents": 26,
        "incident": 12,
        "investigations": 12,
        "investigation": 8,
        "evidence": 8,
        "report": 8,
        "alarms": 8,
        "costs": 4,
        "topology": 6,
        "me": 8,
    },
    hot=90,
)
"""Consoles and dashboards that ask again and again, and people who look at what is going on now."""

EACH_ANEW: Final = Shares({"incident": 30, "investigation": 20, "evidence": 25, "report": 25}, hot=0)
"""Looks at single things, hardly ever the same one: nothing that was answered before helps."""

PEER_ROWS: Final[Mapping[str, int]] = {
    "incidents": 50,
    "incident": 5,
    "investigations": 50,
    "investigation": 1,
    "evidence": 5,
    "report": 3,
    "alarms": 50,
    "costs": 10,
    "topology": 3,
    "me": 1,
}
"""How many rows of the peer are about as large as an answer of this kind."""


def requests_for(
    past: Past, keys: Mapping[str, str], shares: Shares, count: int, seed: int
) -> tuple[Planned, ...]:
    """Draw `count` requests, each by any of the tenants."""
    rng = random.Random(seed)
    return tuple(_drawn(rng, past, keys, shares, count))


def _drawn(
    rng: random.Random, past: Past, keys: Mapping[str, str], shares: Shares, count: int
) -> Iterator[Planned]:
    names, weights = list(shares.kinds), list(shares.kinds.values())
    for kind in rng.choices(names, weights, k=count):
        tenant = rng.choice(past.tenants)
        yield Planned(kind, _PATHS[kind](_Draw(rng, past, tenant, shares.hot)), keys[tenant], tenant)


@dataclass(frozen=True, slots=True)
class _Draw:
    rng: random.Random
    past: Past
    tenant: str
    hot: int

    def one(self, ids: tuple[str, ...]) -> str:
        hot = self.rng.randrange(100) < self.hot
        return ids[self.rng.randrange(_HOT if hot else len(ids))]

    def filtered(self, path: str, filters: tuple[str, ...]) -> str:
        service = f"{SERVICES[self.rng.randrange(3)]}.{self.tenant}"
        return path + self.rng.choice(filters).format(service=service)


_PATHS: Final[Mapping[str, Callable[[_Draw], str]]] = {
    "incidents": lambda draw: draw.filtered("/v1/incidents", _FILTERS),
    "incident": lambda draw: f"/v1/incidents/{draw.one(draw.past.incidents)}",
    "investigations": lambda draw: draw.filtered("/v1/investigations", _STATES),
    "investigation": lambda draw: f"/v1/investigations/{draw.one(draw.past.investigations)}",
    "evidence": lambda draw: f"/v1/evidence?investigation_id={draw.one(draw.past.investigations)}",
    "report": lambda draw: f"/v1/reports/{draw.one(draw.past.investigations)}",
    "alarms": lambda draw: draw.filtered("/v1/alarms", _ALARMS),
    "costs": lambda draw: draw.filtered("/v1/costs", _COSTS),
    "topology": lambda _draw: "/v1/topology",
    "me": lambda _draw: "/v1/me",
}
