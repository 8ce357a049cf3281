"""What became of requests with an Idempotency-Key, for a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.runtime.redis.client import Redis, load_script, redis_errors

__all__ = ["Answered", "AtWork", "First", "RedisIdempotency"]

_DAY_MS: Final = 24 * 3600 * 1000
_LEASE_MS: Final = 120_000
"""A process that died at work keeps a key for this long."""


@dataclass(frozen=True, slots=True)
class First:
    """The key was free, and is now taken."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """A request holds the key; `same` where it is this one."""

    same: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """A request was answered under this key; `same` where it was this one."""

    same: bool
    response: str


class RedisIdempotency:
    """Keys are unique within a tenant; responses are texts. Every method may raise UnavailableError."""

    def __init__(self, redis: Redis, *, prefix: str) -> None:
        self._prefix = prefix
        self._reserve = redis.register_script(load_script("idempotency_reserve"))
        self._keep = redis.register_script(load_script("idempotency_keep"))
        self._release = redis.register_script(load_script("idempotency_release"))

    async def reserve(self, tenant: str, key: str, fingerprint: str) -> First | AtWork | Answered:
        """Take the key for the request that has this fingerprint, if nobody has it."""
        with redis_errors():
            state, *rest = await self._reserve(keys=[self._name(tenant, key)], args=[fingerprint, _LEASE_MS])
        if not rest:
            return First()
        same = bool(int(rest[0]))
        return AtWork(same) if int(state) == 1 else Answered(same, str(rest[1]))

    async def keep(self, tenant: str, key: str, fingerprint: str, response: str) -> None:
        """Keep the answer for a day."""
        with redis_errors():
            await self._keep(keys=[self._name(tenant, key)], args=[fingerprint, response, _DAY_MS])

    async def release(self, tenant: str, key: str, fingerprint: str) -> None:
        """Give the key back, if the request still holds it."""
        with redis_errors():
            await self._release(keys=[self._name(tenant, key)], args=[fingerprint])

    def _name(self, tenant: str, key: str) -> str:
        return f"{self._prefix}:idempotency:{{{tenant}}}:{key}"
