"""Which processes make up the stack on this machine, and where their clients find them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, assert_never

from infra.local.broker import apache_specs, broker_names, tansu_spec
from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.process import ProcessSpec
from infra.local.redis_server import redis_spec, redis_url
from infra.local.state import Addresses

__all__ = ["BrokerKind", "ExtraProcesses", "Stack", "StackPlan", "build_stack"]

BrokerKind = Literal["tansu", "apache"]
ExtraProcesses = Callable[[Addresses], Sequence[ProcessSpec]]

_SERVERS = frozenset({"broker", "redis", "clickhouse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlan:
    """What is asked for. A port that is None is chosen; an address that is given replaces the part entirely.

    `external_kafka` is `host:port[,host:port]`, `external_redis` a `redis://` URL, `external_clickhouse` an `http(s)://` URL,
    `external_postgres` a `postgresql://` URL, which replaces SQLite's file.
    `brokers` is how many nodes of Apache Kafka to start; given ports are those of the first.
    `with_api` says that a role serves HTTP, and so needs a port.
    `jars_dir` is where its jars are kept, by default in the data folder.
    """

    data_dir: Path
    broker: BrokerKind = "tansu"
    brokers: int = 1
    broker_port: int | None = None
    controller_port: int | None = None
    redis_port: int | None = None
    redis_password: str | None = None
    clickhouse_port: int | None = None
    with_api: bool = False
    api_host: str = "127.0.0.1"
    api_port: int | None = None
    external_kafka: str | None = None
    external_redis: str | None = None
    external_clickhouse: str | None = None
    external_postgres: str | None = None
    sqlite_path: Path | None = None
    jars_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """The processes to supervise, and the addresses they and their clients use."""

    specs: tuple[ProcessSpec, ...]
    addresses: Addresses
    broker: str


def build_stack(plan: StackPlan, ports: PortBook, extra: ExtraProcesses = lambda _addresses: ()) -> Stack:
    """Chooses ports, writes configuration files, and for Apache Kafka fetches and formats. Blocks; see apache_spec.

    `extra` makes the processes that use the servers (the roles) from their addresses. One that names what it depends
    on keeps exactly that, but for servers that are elsewhere; one that names nothing waits for every server that is
    started here. Call it under the folder's lock.

    Raises:
        ConfigurationError: a given port is taken, or a binary, Java or Maven is missing.
        UnavailableError: Apache Kafka could not be fetched or formatted.
    """
    kafka, broker = _broker(plan, ports)
    redis, redis_specs = _redis(plan, ports)
    clickhouse, front = _clickhouse(plan, ports)
    addresses = Addresses(
        kafka=kafka,
        redis_url=redis,
        clickhouse_url=clickhouse,
        sqlite_path=_sqlite(plan),
        postgres_url=plan.external_postgres,
        api_url=_api_url(plan, ports),
    )
    servers = (*broker, *redis_specs, *front)
    roles = tuple(_after(spec, servers) for spec in extra(addresses))
    return Stack((*servers, *roles), addresses, "external" if plan.external_kafka else plan.broker)


def _broker(plan: StackPlan, ports: PortBook) -> tuple[str, tuple[ProcessSpec, ...]]:
    if plan.external_kafka is not None:
        return plan.external_kafka, ()
    port = ports.choose(plan.broker_port, purpose="the broker")
    match plan.broker:
        case "tansu":
            return f"127.0.0.1:{port}", (tansu_spec(port=port, log_file=_log(plan, "broker")),)
        case "apache":
            return _apache(plan, ports, port)
        case _:
            assert_never(plan.broker)


def _apache(plan: StackPlan, ports: PortBook, port: int) -> tuple[str, tuple[ProcessSpec, ...]]:
    folder = plan.data_dir / "kafka"
    controller = ports.choose(plan.controller_port, purpose="Kafka's controller")
    places = [(port, controller), *((ports.free(), ports.free()) for _ in range(plan.brokers - 1))]
    logs = [_log(plan, name) for name in broker_names(plan.brokers)]
    specs = apache_specs(folder, places, jars=plan.jars_dir or folder / "jars", log_files=logs)
    return ",".join(f"127.0.0.1:{port}" for port, _ in places), specs


def _redis(plan: StackPlan, ports: PortBook) -> tuple[str, tuple[ProcessSpec, ...]]:
    if plan.external_redis is not None:
        return plan.external_redis, ()
    port = ports.choose(plan.redis_port, purpose="Redis")
    password = plan.redis_password
    spec = redis_spec(plan.data_dir / "redis", port=port, password=password, log_file=_log(plan, "redis"))
    return redis_url(port, password=password), (spec,)


def _clickhouse(plan: StackPlan, ports: PortBook) -> tuple[str, tuple[ProcessSpec, ...]]:
    if plan.external_clickhouse is not None:
        return plan.external_clickhouse, ()
    port = ports.choose(plan.clickhouse_port, purpose="ClickHouse")
    data = (plan.data_dir / "clickhouse").resolve()
    where = ("--data", str(data), "--host", "127.0.0.1", "--port", str(port))
    spec = ProcessSpec(
        name="clickhouse",
        argv=(sys.executable, "-m", "infra.local.clickhouse_front", *where),
        log_file=_log(plan, "clickhouse"),
        ready=HttpOk("127.0.0.1", port, "/ping"),
        ports=(port,),
        cure="Read its log; `tocsin doctor` tells whether the wheel chdb-core is there and the disk has room.",
    )
    return f"http://127.0.0.1:{port}", (spec,)


def _sqlite(plan: StackPlan) -> Path | None:
    if plan.external_postgres is not None:
        return None
    path = plan.sqlite_path or plan.data_dir / "sqlite" / "tocsin.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def _api_url(plan: StackPlan, ports: PortBook) -> str | None:
    """Where this machine reaches the API, also when it listens on every address."""
    if not plan.with_api:
        return None
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(plan.api_host, plan.api_host)  # noqa: S104 - read, not bound
    return f"http://{host}:{ports.choose(plan.api_port, purpose='the API')}"


def _after(spec: ProcessSpec, servers: Sequence[ProcessSpec]) -> ProcessSpec:
    here = tuple(server.name for server in servers)
    elsewhere = _SERVERS - set(here)
    named = tuple(name for name in spec.depends_on if name not in elsewhere)
    return replace(spec, depends_on=named if spec.depends_on else here)


def _log(plan: StackPlan, name: str) -> Path:
    return (plan.data_dir / "logs" / f"{name}.log").resolve()
