"""Nine ways for one service of the shop to fail, and who can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType

from infra.local.shop.topology import SHOP

__all__ = ["FAULTS", "Fault", "FaultKind", "FaultProfile", "choose_fault"]


class FaultKind(StrEnum):
    CPU_HOG = "cpu-hog"
    MEMORY_LEAK = "memory-leak"
    BAD_DEPLOY = "bad-deploy"
    SLOW_DEPENDENCY = "slow-dependency"
    CONNECTION_POOL = "connection-pool"
    NETWORK_DELAY = "network-delay"
    DISK_FULL = "disk-full"
    NOISY_NEIGHBOUR = "noisy-neighbour"
    CONFIG_FLAG = "config-flag"


@dataclass(frozen=True, slots=True)
class FaultProfile:
    """What a kind of fault is, which services can have it, and over how many seconds it comes up."""

    description: str
    targets: tuple[str, ...]
    ramp_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `service` owns the cause; `starts_s` counts from the simulation's start; `strength` is in (0, 1].

    `host` is the service's own where it is not given.
    """

    kind: FaultKind
    service: str
    starts_s: float
    ramp_s: float
    strength: float
    host: str = ""

    def __post_init__(self) -> None:
        if not self.host:
            object.__setattr__(self, "host", SHOP[self.service].host)

    @property
    def expected_service(self) -> str:
        """Whom a right investigation names first."""
        return self.service


FAULTS: Mapping[FaultKind, FaultProfile] = MappingProxyType(
    {
        FaultKind.CPU_HOG: FaultProfile(
            "A runaway computation takes a service's whole CPU quota; requests queue behind it.",
            ("user", "catalog", "search", "cart", "checkout", "payment", "inventory"),
            (3.0, 6.0),
        ),
        FaultKind.MEMORY_LEAK: FaultProfile(
            "A service keeps what it should free; collections grow longer until it stalls.",
            ("user", "catalog", "search", "cart", "checkout", "payment", "inventory"),
            (30.0, 45.0),
        ),
        FaultKind.BAD_DEPLOY: FaultProfile(
            "A new version fails a part of its requests with an exception.",
            ("user", "catalog", "search", "cart", "checkout", "payment", "inventory"),
            (4.0, 8.0),
        ),
        FaultKind.SLOW_DEPENDENCY: FaultProfile(
            "A store answers slowly for an inner reason (lock contention): quiet itself, loud in its callers.",
            ("catalog-db", "user-db", "orders-db", "search-index", "session-cache"),
            (5.0, 10.0),
        ),
        FaultKind.CONNECTION_POOL: FaultProfile(
            "Connections are not given back; requests wait for one while the database idles.",
            ("user", "catalog", "checkout", "payment", "inventory"),
            (8.0, 15.0),
        ),
        FaultKind.NETWORK_DELAY: FaultProfile(
            "Packets to and from one service are delayed and lost.",
            ("user", "catalog", "search", "cart", "payment", "inventory"),
            (2.0, 4.0),
        ),
        FaultKind.DISK_FULL: FaultProfile(
            "A store's disk fills up; writes slow down, then fail.",
            ("catalog-db", "user-db", "orders-db", "search-index"),
            (12.0, 20.0),
        ),
        FaultKind.NOISY_NEIGHBOUR: FaultProfile(
            "A batch job of one service takes the host's CPU; what shares the host is starved.",
            ("recommendation", "shipping", "notification", "search", "search-index"),
            (3.0, 6.0),
        ),
        FaultKind.CONFIG_FLAG: FaultProfile(
            "A feature flag turns on a code path that calls its dependencies several times over.",
            ("user", "catalog", "search", "cart", "inventory"),
            (3.0, 6.0),
        ),
    }
)


def choose_fault(kind: FaultKind, seed: int) -> Fault:
    """The fault of this kind that the seed draws: target, onset (20 to 35 s), ramp and strength."""
    rng = Random(f"fault:{kind}:{seed}")
    profile = FAULTS[kind]
    service = rng.choice(profile.targets)
    return Fault(
        kind=kind,
        service=service,
        starts_s=float(rng.randint(20, 35)),
        ramp_s=rng.uniform(*profile.ramp_s),
        strength=rng.uniform(0.75, 1.0),
    )
