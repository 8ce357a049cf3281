"""The whole product on this machine: servers and roles as supervised processes, topics and tables made in time."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from infra.cli.context import begin_log_epoch, kafka_settings
from infra.cli.topics import ensure_topics
from infra.local.events import ProcessEvent
from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.process import ProcessSpec
from infra.local.stack import BrokerKind, Stack, StackPlan, build_stack
from infra.local.state import Addresses
from infra.local.stop_request import StopRequest
from infra.local.up import Running, running_stack
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.runtime.sql_address import PostgresServer
from streams.kafka import KafkaSettings

__all__ = ["ROLES", "GivenPorts", "LocalStack", "plan_of"]

ROLES = ("stream", "detect", "investigate", "land", "api")
# A role that needs no table starts while ClickHouse still does: that takes longest.
_NEEDS: Final = {
    "stream": ("broker", "redis"),
    "detect": ("broker",),
    "investigate": ("broker", "redis", "clickhouse"),
    "land": ("broker", "redis", "clickhouse"),
    "api": ("broker", "redis", "clickhouse"),
}


@dataclass(frozen=True, slots=True)
class GivenPorts:
    """Ports that were asked for; None is any free one."""

    kafka: int | None = None
    redis: int | None = None
    clickhouse: int | None = None
    api: int | None = None


def plan_of(
    settings: Settings, broker: BrokerKind, ports: GivenPorts, brokers: int = 1, *, with_api: bool = True
) -> StackPlan:
    """Return which servers to start, and which are elsewhere."""
    control = settings.control_database
    return StackPlan(
        data_dir=settings.data_dir,
        broker=broker,
        brokers=brokers,
        broker_port=ports.kafka,
        redis_port=ports.redis,
        clickhouse_port=ports.clickhouse,
        with_api=with_api,
        api_host=settings.api.host,
        api_port=ports.api or settings.api.port or None,
        external_kafka=settings.kafka.bootstrap_servers or None,
        external_redis=settings.redis.url or None,
        external_clickhouse=settings.clickhouse.url or None,
        external_postgres=control.url if isinstance(control, PostgresServer) else None,
        sqlite_path=control if isinstance(control, Path) else None,
    )


class LocalStack:
    """Servers and roles, from one set of settings. `open` runs them; several may run from different folders."""

    def __init__(
        self,
        settings: Settings,
        *,
        broker: BrokerKind = "tansu",
        brokers: int = 1,
        ports: GivenPorts | None = None,
        roles: Iterable[str] = ROLES,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment` is added to that of the roles: settings that are not in this process's own."""
        self._settings = settings
        self._roles = tuple(roles)
        with_api = "api" in self._roles
        self._plan = plan_of(settings, broker, ports or GivenPorts(), brokers, with_api=with_api)
        self._book = PortBook(random.SystemRandom())
        self._environment = dict(environment or {})
        self._addresses: Addresses | None = None
        self._preparing = asyncio.Lock()
        self._prepared = False

    @asynccontextmanager
    async def open(
        self, on_event: Callable[[ProcessEvent], None], stop: StopRequest | None = None
    ) -> AsyncIterator[Running]:
        """Start everything, with all topics and tables in place before a role starts; stop everything at the end.

        Raises:
            ConfigurationError: another stack runs from this folder, a port is taken, a part is missing.
            UnavailableError: something did not become ready.
            StartInterruptedError: `stop` was asked meanwhile.
        """
        async with running_stack(
            self._settings.data_dir,
            self._build,
            on_event=on_event,
            rng=random.SystemRandom(),
            before_start=self._before_start,
            after_ready=self._after_ready,
            stop=stop,
        ) as running:
            yield running

    def _build(self) -> Stack:
        stack = build_stack(self._plan, self._book, self._role_specs)
        self._addresses = stack.addresses
        return stack

    async def _before_start(self, spec: ProcessSpec) -> None:
        """Servers elsewhere need their topics and tables before any role starts, and again when the first restarts."""
        if spec.name not in self._roles:
            return
        async with self._preparing:
            if self._prepared and spec.name != self._roles[0]:
                return
            if self._plan.external_kafka:
                await ensure_topics(self._kafka(), self._replication)
            if self._plan.external_clickhouse:
                await self._migrate()
            self._prepared = True

    async def _after_ready(self, spec: ProcessSpec) -> None:
        """Our own servers get theirs as soon as they answer, also after a restart that lost everything."""
        if spec.name == "broker":
            if spec.memory_only:
                begin_log_epoch(self._settings.data_dir)
            await ensure_topics(self._kafka(), self._replication)
        if spec.name == "clickhouse":
            await self._migrate()

    async def _migrate(self) -> None:
        # In half a second of imports the servers could have started.
        from sinks.clickhouse.client import ClickHouseAddress, open_clickhouse  # noqa: PLC0415
        from sinks.clickhouse.migrate import Migrator, load_migrations  # noqa: PLC0415

        section = self._settings.clickhouse
        address = ClickHouseAddress(
            url=self._started.clickhouse_url,
            user=section.user,
            password=section.password.get_secret_value(),
            database=section.database,
        )
        async with open_clickhouse(address) as clickhouse:
            await Migrator(clickhouse, SystemClock().now, load_migrations()).up()

    @property
    def _started(self) -> Addresses:
        assert self._addresses is not None
        return self._addresses

    def _kafka(self) -> KafkaSettings:
        return kafka_settings(self._settings.kafka, self._started.kafka, embedded=self._embedded)

    @property
    def _embedded(self) -> bool:
        if self._plan.external_kafka is not None:
            return self._settings.kafka.embedded
        return self._plan.broker == "tansu"

    @property
    def _replication(self) -> int:
        """Brokers of our own need no setting: as many replicas as there are, three at most."""
        if self._plan.external_kafka is not None or self._plan.broker == "tansu":
            return self._settings.kafka.replication_factor
        return min(3, self._plan.brokers)

    def _role_specs(self, addresses: Addresses) -> tuple[ProcessSpec, ...]:
        specs = (self._role_spec(role, addresses) for role in self._roles)
        return tuple(_with_address(spec, addresses) if spec.name == "api" else spec for spec in specs)

    def _role_spec(self, role: str, addresses: Addresses) -> ProcessSpec:
        port = self._book.free()
        return ProcessSpec(
            name=role,
            argv=(sys.executable, "-m", "infra.cli.main", "role", role),
            env={
                **self._environment,
                "TOCSIN_DATA_DIR": str(self._settings.data_dir.resolve()),
                "TOCSIN_KAFKA__BOOTSTRAP_SERVERS": addresses.kafka,
                "TOCSIN_KAFKA__EMBEDDED": "true" if self._embedded else "false",
                "TOCSIN_KAFKA__REPLICATION_FACTOR": str(self._replication),
                "TOCSIN_REDIS__URL": addresses.redis_url,
                "TOCSIN_CLICKHOUSE__URL": addresses.clickhouse_url,
                "TOCSIN_SQL__URL": addresses.postgres_url or f"sqlite:///{addresses.sqlite_path}",
                "TOCSIN_TELEMETRY__METRICS_PORT": str(port),
            },
            log_file=(self._settings.data_dir / "logs" / f"{role}.log").resolve(),
            ready=HttpOk("127.0.0.1", port, "/metrics"),
            ready_deadline_s=60.0,
            stop_deadline_s=8.0,
            ports=(port,),
            depends_on=_NEEDS[role],
            ends_after=tuple(one for one in self._roles if one != role) if role == "land" else (),
            cure=f"Read its log; `tocsin role {role}` runs it in the foreground.",
        )


def _with_address(spec: ProcessSpec, addresses: Addresses) -> ProcessSpec:
    """The API has a second port, and is there when it answers on that."""
    where = urlsplit(addresses.api_url or "")
    assert where.hostname is not None
    assert where.port is not None
    return replace(
        spec,
        env={**spec.env, "TOCSIN_API__PORT": str(where.port)},
        ready=HttpOk(where.hostname, where.port, "/health"),
        ports=(where.port, *spec.ports),
    )


def log_path(data_dir: Path, name: str) -> Path:
    """Return where a process of the stack writes its log."""
    return data_dir / "logs" / f"{name}.log"
