"""At most one worker runs an investigation: a lease with a fencing token.

The token grows with each holder, so that a store which remembers the highest token it has seen can refuse a
holder that does not know yet that its lease has run out (Kleppmann, "How to do distributed locking", 2016).
"""

from __future__ import annotations

from infra.runtime.redis.client import Redis, load_script, redis_errors

__all__ = ["RedisLease"]


class RedisLease:
    """Leases named by investigation id. Every method may raise UnavailableError."""

    def __init__(self, redis: Redis, *, prefix: str, ttl_s: float) -> None:
        self._prefix = prefix
        self._ttl_s = ttl_s
        self._acquire = redis.register_script(load_script("lease_acquire"))
        self._renew = redis.register_script(load_script("lease_renew"))
        self._release = redis.register_script(load_script("lease_release"))

    @property
    def ttl_s(self) -> float:
        """How long a lease lasts without renewal, in seconds."""
        return self._ttl_s

    async def acquire(self, investigation_id: str) -> int | None:
        """Return the fencing token, or None while another holds the lease."""
        with redis_errors():
            token = await self._acquire(keys=self._keys(investigation_id), args=[self._ttl_ms])
        return int(token) or None

    async def renew(self, investigation_id: str, token: int) -> bool:
        """Extend the lease; False when it is lost."""
        with redis_errors():
            return bool(await self._renew(keys=self._keys(investigation_id)[:1], args=[token, self._ttl_ms]))

    async def release(self, investigation_id: str, token: int) -> None:
        """Give it up, if it is still ours."""
        with redis_errors():
            await self._release(keys=self._keys(investigation_id)[:1], args=[token])

    @property
    def _ttl_ms(self) -> int:
        return max(1, round(self._ttl_s * 1000))

    def _keys(self, investigation_id: str) -> list[str]:
        base = f"{self._prefix}:lease:{{{investigation_id}}}"
        return [base, f"{base}:token"]
