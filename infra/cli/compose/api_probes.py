"""What the API must find in order to be ready: its servers, consumers that keep up, and room in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import sysconf
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from api.ports import Clock, Probe
from infra.runtime.redis.client import redis_errors
from infra.runtime.sql import Database
from schemas.errors import TocsinError, UnavailableError
from schemas.events import AlarmRaw, InvestigationRequested
from schemas.topics import CATALOGUE
from sinks.clickhouse.client import ClickHouse
from streams.admin import TopicAdmin, open_admin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from infra.cli.compose.process import RoleProcess
    from infra.runtime.redis.client import Redis

__all__ = [
    "BrokerProbe",
    "ClickHouseProbe",
    "LagProbe",
    "MemoryProbe",
    "RedisProbe",
    "SqlProbe",
    "open_probes",
]

_log = structlog.get_logger(__name__)

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "tocsin-triage": (AlarmRaw.TOPIC,),
    "tocsin.investigate": (InvestigationRequested.TOPIC,),
    "tocsin.land": tuple(CATALOGUE),
}
_MEASURE_EVERY_S: Final = 15.0
_MEASURE_WITHIN_S: Final = 45.0
_FRESH_S: Final = 120.0
_STATM: Final = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class BrokerProbe:
    admin: TopicAdmin
    name: str = "broker"

    async def check(self) -> str:
        return f"{len(await self.admin.groups())} consumer groups"


@dataclass(frozen=True, slots=True)
class ClickHouseProbe:
    clickhouse: ClickHouse
    name: str = "clickhouse"

    async def check(self) -> str:
        await self.clickhouse.ping()
        return "answers"


@dataclass(frozen=True, slots=True)
class RedisProbe:
    redis: Redis
    name: str = "redis"

    async def check(self) -> str:
        with redis_errors():
            await self.redis.echo("tocsin")
        return "answers"


@dataclass(frozen=True, slots=True)
class SqlProbe:
    database: Database
    name: str = "sql"

    async def check(self) -> str:
        await self.database.rows("SELECT 1")
        return "answers"


@dataclass(frozen=True, slots=True)
class MemoryProbe:
    """Red before the memory is: at `limit` bytes of resident memory."""

    limit: int
    statm: Path = _STATM
    name: str = "memory"

    async def check(self) -> str:
        try:
            pages = int(self.statm.read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return "not known on this system"
        used = pages * sysconf("SC_PAGE_SIZE")
        told = f"{used >> 20} MiB of {self.limit >> 20} MiB"
        if used > self.limit:
            raise UnavailableError(f"{told}: too much")
        return told


class LagProbe:
    """How far the consumers are behind, measured every quarter of a minute beside the requests."""

    def __init__(self, admin: TopicAdmin, prefix: str, limit: int, clock: Clock) -> None:
        self.name = "lag"
        self._admin = admin
        self._prefix = prefix
        self._limit = limit
        self._clock = clock
        self._lags: Mapping[str, int] = {}
        self._measured_at = float("-inf")

    async def check(self) -> str:
        if self._clock.monotonic() - self._measured_at > _FRESH_S:
            raise UnavailableError("the lag of the consumers is not known")
        told = ", ".join(f"{group} {lag}" for group, lag in sorted(self._lags.items()))
        if max(self._lags.values(), default=0) > self._limit:
            raise UnavailableError(f"more than {self._limit} messages behind: {told}")
        return told

    @asynccontextmanager
    async def measuring(self) -> AsyncIterator[None]:
        """Measure until left."""
        task = asyncio.create_task(self._measure_always())
        try:
            yield
        finally:
            task.cancel()

    async def measure(self) -> None:
        """Look once. Raises UnavailableError, TimeoutError."""
        async with asyncio.timeout(_MEASURE_WITHIN_S):
            lags = {group: await self._lag(group) for group in _GROUPS}
        self._lags = lags
        self._measured_at = self._clock.monotonic()

    async def _lag(self, group: str) -> int:
        offsets = await self._admin.lag(f"{self._prefix}{group}", _GROUPS[group])
        return sum(one.lag for one in offsets)

    async def _measure_always(self) -> None:
        while True:
            try:
                await self.measure()
            except (TocsinError, TimeoutError) as error:
                _log.warning("lag_not_measured", error=repr(error))
            await asyncio.sleep(_MEASURE_EVERY_S)


async def open_probes(
    process: RoleProcess, database: Database, redis: Redis, clickhouse: ClickHouse
) -> Sequence[Probe]:
    """Return the probes; the connection to the broker is closed with the role. Raises UnavailableError."""
    kafka, section = process.installation.kafka, process.installation.settings.api
    admin = await process.stack.enter_async_context(open_admin(kafka))
    lag = LagProbe(admin, kafka.topic_prefix, section.ready_max_lag, process.clock)
    await process.stack.enter_async_context(lag.measuring())
    return (
        BrokerProbe(admin),
        ClickHouseProbe(clickhouse),
        RedisProbe(redis),
        SqlProbe(database),
        lag,
        MemoryProbe(section.ready_max_rss_mb << 20),
    )
