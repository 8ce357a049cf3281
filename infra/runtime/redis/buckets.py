"""Token buckets that all processes share: one Lua call takes a token."""

from __future__ import annotations

from infra.runtime.buckets import BucketRule, Taken
from infra.runtime.redis.client import Redis, load_script, redis_errors

__all__ = ["RedisBuckets"]


class RedisBuckets:
    """A bucket per name, refilled by Redis' clock."""

    def __init__(self, redis: Redis, rule: BucketRule, *, prefix: str) -> None:
        self._rule = rule
        self._prefix = prefix
        self._take = redis.register_script(load_script("bucket_take"))

    async def take(self, name: str) -> Taken:
        """Take a token, if there is one. Raises UnavailableError."""
        return (await self.take_some(name, 1))[1]

    async def take_some(self, name: str, wanted: int) -> tuple[int, Taken]:
        """Take as many tokens as there are, up to `wanted`; return how many that were. Raises UnavailableError."""
        with redis_errors():
            taken, remaining, wait_ms = await self._take(
                keys=[f"{self._prefix}:bucket:{{{name}}}"], args=[self._rule.per_s, self._rule.burst, wanted]
            )
        return int(taken), Taken(int(taken) > 0, int(remaining), int(wait_ms) / 1000)
