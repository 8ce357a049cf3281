"""How many investigations of a tenant work at a time, over all workers, and who is next."""

from __future__ import annotations

from infra.runtime.redis.client import Redis, load_script, redis_errors

__all__ = ["RedisTurns"]


class RedisTurns:
    """Places and a queue for them, a tenant each. Who is not heard of for a lifetime loses either.

    Every method may raise UnavailableError.
    """

    def __init__(self, redis: Redis, *, prefix: str, ttl_s: float) -> None:
        self._redis = redis
        self._prefix = prefix
        self._ttl_ms = max(1, round(ttl_s * 1000))
        self._take = redis.register_script(load_script("turn_take"))
        self._leave = redis.register_script(load_script("turn_leave"))

    @property
    def ttl_s(self) -> float:
        """How long a place is kept for who is not heard of, in seconds."""
        return self._ttl_ms / 1000

    async def take(self, tenant: str, name: str, order: float, limit: int) -> int:
        """Take a place, or stand in the queue: to be called again until the place is held.

        Args:
            tenant: whose places.
            name: who asks.
            order: the least goes first; it is kept from the first call on.
            limit: how many places there are now.

        Returns:
            0 when the place is held, else the position in the queue, 1 for the first.
        """
        return await self._ask(tenant, [name, limit, order, self._ttl_ms, 0])

    async def renew(self, tenant: str, name: str) -> None:
        """Keep a place that is held; also past its life, since its holder works on."""
        await self._ask(tenant, [name, 0, 0, self._ttl_ms, 1])

    async def leave(self, tenant: str, name: str) -> None:
        """Give up the place, or the wait for one; harmless where there is neither."""
        with redis_errors():
            await self._leave(keys=self._keys(tenant), args=[name])

    async def waiting(self, tenant: str) -> int:
        """Return how many stand in the queue, those included that are gone and not yet missed."""
        with redis_errors():
            return int(await self._redis.zcard(self._keys(tenant)[1]))

    async def _ask(self, tenant: str, args: list[str | int | float]) -> int:
        with redis_errors():
            return int(await self._take(keys=self._keys(tenant), args=args))

    def _keys(self, tenant: str) -> list[str]:
        base = f"{self._prefix}:turns:{{{tenant}}}"
        return [f"{base}:{part}" for part in ("running", "waiting", "alive")]
