"""Token buckets in this process's memory: what limits where nothing is shared, or what is shared does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

__all__ = ["BucketRule", "LeasedBuckets", "LocalBuckets", "SharedBuckets", "Taken"]

_MOST_KEPT: Final = 10_000
_LEASE_OF_S: Final = 0.02
_LEASE_FOR_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class BucketRule:
    """`burst` tokens at most, `per_s` new ones a second."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether there was a token, how many whole ones are left, and in how many seconds there is one again."""

    allowed: bool
    remaining: int
    retry_after_s: float


class SharedBuckets(Protocol):
    """Buckets that several processes take from."""

    async def take_some(self, name: str, wanted: int) -> tuple[int, Taken]:
        """Take as many tokens as there are, up to `wanted`; return how many that were. Raises UnavailableError."""
        ...


@dataclass(slots=True)
class _Lease:
    """Tokens to give out until then (monotonic seconds), and how many were left in the shared bucket."""

    here: int = 0
    shared: int = 0
    until: float = 0.0
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class LeasedBuckets:
    """Takes from shared buckets what refills in 20 ms at once, and gives it out for up to a second.

    What is not given out is lost to the bucket's owner: at most two hundredths of what refills meanwhile, and where so
    little refills that this would be less than a token, tokens are taken one by one.
    """

    def __init__(self, shared: SharedBuckets, rule: BucketRule, monotonic: Callable[[], float]) -> None:
        self._shared = shared
        self._monotonic = monotonic
        self._wanted = max(1, min(rule.burst // 100, round(rule.per_s * _LEASE_OF_S)))
        self._leases: dict[str, _Lease] = {}

    async def take(self, name: str) -> Taken:
        """Take a token, if there is one. Raises UnavailableError where it must ask, and cannot."""
        lease = self._lease(name)
        if not self._has_some(lease):
            if self._wanted == 1:
                return (await self._shared.take_some(name, 1))[1]
            async with lease.asking:  # one asks for all who come meanwhile
                if not self._has_some(lease):
                    lease.here, told = await self._shared.take_some(name, self._wanted)
                    lease.shared, lease.until = told.remaining, self._monotonic() + _LEASE_FOR_S
                    if not told.allowed:
                        return told
        lease.here -= 1
        return Taken(True, lease.here + lease.shared, 0.0)

    def _has_some(self, lease: _Lease) -> bool:
        return lease.here > 0 and self._monotonic() < lease.until

    def _lease(self, name: str) -> _Lease:
        if name not in self._leases:
            if len(self._leases) >= _MOST_KEPT:
                self._leases.clear()
            self._leases[name] = _Lease()
        return self._leases[name]


class LocalBuckets:
    """A bucket per name. When there are very many, all begin anew, full."""

    def __init__(self, rule: BucketRule, monotonic: Callable[[], float]) -> None:
        self._rule = rule
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, float]] = {}

    async def take(self, name: str) -> Taken:
        """Take a token, if there is one. Does not block."""
        now = self._monotonic()
        tokens, at = self._levels.get(name, (float(self._rule.burst), now))
        tokens = min(float(self._rule.burst), tokens + (now - at) * self._rule.per_s)
        allowed = tokens >= 1.0
        tokens -= 1.0 if allowed else 0.0
        if len(self._levels) >= _MOST_KEPT:
            self._levels.clear()
        self._levels[name] = (tokens, now)
        return Taken(allowed, int(tokens), 0.0 if allowed else (1.0 - tokens) / self._rule.per_s)
