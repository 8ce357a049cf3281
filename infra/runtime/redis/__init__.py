"""What is shared between workers and may be lost with Redis: leases, holds on budgets, watermarks, admissions."""

from infra.runtime.redis.admission import RedisAdmission
from infra.runtime.redis.budget import RedisBudget
from infra.runtime.redis.client import open_redis
from infra.runtime.redis.lease import RedisLease
from infra.runtime.redis.turns import RedisTurns
from infra.runtime.redis.watermarks import RedisWatermarks

__all__ = ["RedisAdmission", "RedisBudget", "RedisLease", "RedisTurns", "RedisWatermarks", "open_redis"]
