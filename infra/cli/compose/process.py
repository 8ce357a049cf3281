"""What every role has: logging, metrics, traces, clock, and the connections it asks for; opened in order, closed in reverse.

A driver is imported by the method that opens its connection: a role pays for no server that it does not use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.cli.context import Installation
from infra.cli.schemas import open_schemas
from infra.runtime.clock import SystemClock
from infra.runtime.telemetry import ProcessTracing, PrometheusRecorder, configure_logging, configure_tracing
from schemas.registry import SchemaRegistry
from streams.dead_letters import DeadLetters
from streams.producer import EventProducer, open_producer

if TYPE_CHECKING:
    from infra.runtime.redis.client import Redis
    from infra.runtime.sql import Database
    from sinks.clickhouse.client import ClickHouse

__all__ = ["RoleProcess", "open_role"]


@dataclass(frozen=True, slots=True)
class RoleProcess:
    """One role's surroundings. The connections are opened by the methods, and closed with the role."""

    name: str
    installation: Installation
    clock: SystemClock
    recorder: PrometheusRecorder
    tracing: ProcessTracing
    stack: AsyncExitStack
    schemas: SchemaRegistry

    async def producer(self) -> EventProducer:
        return await self.stack.enter_async_context(
            open_producer(
                self.installation.kafka,
                source=f"/tocsin/{self.name}",
                registry=self.schemas,
                tracing=self.tracing,
            )
        )

    def office(self, producer: EventProducer) -> DeadLetters:
        return DeadLetters(producer, self.installation.kafka.names, self.clock, self.recorder)

    async def redis(self) -> Redis:
        from infra.runtime.redis import open_redis  # noqa: PLC0415 - 0.3 s

        return await self.stack.enter_async_context(open_redis(self.installation.redis_url))

    async def database(self) -> Database:
        from infra.runtime.sql import open_database  # noqa: PLC0415 - as its neighbours

        address = self.installation.settings.control_database
        return await self.stack.enter_async_context(open_database(address, name=f"tocsin-{self.name}"))

    async def clickhouse(self) -> ClickHouse:
        from infra.cli.tables import address_of  # noqa: PLC0415 - imports the driver
        from sinks.clickhouse.client import open_clickhouse  # noqa: PLC0415 - 0.5 s

        return await self.stack.enter_async_context(
            open_clickhouse(address_of(self.installation), self.recorder)
        )


@asynccontextmanager
async def open_role(name: str, installation: Installation) -> AsyncIterator[RoleProcess]:
    """Set the process up and tear it down. Raises like `open_schemas`."""
    telemetry = installation.settings.telemetry
    configure_logging(telemetry.log_level, json=telemetry.log_json, role=name)
    tracing = configure_tracing(name, telemetry.otlp_endpoint)
    async with AsyncExitStack() as stack:
        stack.callback(tracing.shutdown)
        schemas = await stack.enter_async_context(open_schemas(installation.settings.kafka, history=True))
        yield RoleProcess(
            name, installation, SystemClock(), PrometheusRecorder.create(), tracing, stack, schemas
        )
