"""How many investigations a tenant may start in a day. Idempotent by investigation id."""

from __future__ import annotations

from datetime import datetime, timedelta

from infra.runtime.redis.client import Redis, load_script, redis_errors

__all__ = ["RedisAdmission"]


class RedisAdmission:
    """A set of investigation ids per tenant and UTC day."""

    def __init__(self, redis: Redis, *, prefix: str) -> None:
        self._prefix = prefix
        self._admit = redis.register_script(load_script("admission"))

    async def admit(self, tenant: str, investigation_id: str, limit: int, now: datetime) -> datetime | None:
        """Return None when admitted (again), else when the next day begins. Raises UnavailableError."""
        key = f"{self._prefix}:admitted:{{{tenant}}}:{now:%Y-%m-%d}"
        with redis_errors():
            admitted = await self._admit(keys=[key], args=[investigation_id, limit])
        if int(admitted):
            return None
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight + timedelta(days=1)
