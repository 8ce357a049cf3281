"""How far each partition has landed, for investigations that wait for their data."""

from __future__ import annotations

from datetime import UTC, datetime

from infra.runtime.redis.client import Redis, load_script, redis_errors

__all__ = ["RedisWatermarks"]


class RedisWatermarks:
    """A hash per topic: partition to the instant up to which everything appended has landed, in unix µs."""

    def __init__(self, redis: Redis, *, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._advance = redis.register_script(load_script("watermark_advance"))

    async def advance(self, topic: str, partition: int, caught_up_to: datetime) -> None:
        """Note that everything appended before `caught_up_to` has landed; never goes back."""
        micros = round(caught_up_to.timestamp() * 1_000_000)
        with redis_errors():
            await self._advance(keys=[self._key(topic)], args=[partition, micros])

    async def caught_up_to(self, topic: str, partitions: int) -> datetime | None:
        """Return the least of the topic's partitions, or None while one has not reported."""
        with redis_errors():
            marks = await self._redis.hgetall(self._key(topic))
        if len(marks) < partitions:
            return None
        return datetime.fromtimestamp(min(int(mark) for mark in marks.values()) / 1_000_000, UTC)

    def _key(self, topic: str) -> str:
        return f"{self._prefix}:landed:{topic}"
