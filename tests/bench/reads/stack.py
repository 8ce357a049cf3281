"""The role `api` as a process on real servers, and a month of the past in its tables."""

from __future__ import annotations

import json
import os
import random
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.cli.key_ring import open_key_ring
from infra.cli.topics import ensure_topics
from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.process import ProcessSpec
from infra.runtime.settings import Settings
from schemas.access import Role
from sinks.clickhouse.client import ClickHouseAddress, open_clickhouse
from streams.kafka import KafkaSettings
from tests.bench.reads.past import SERVICES, Past, fill
from tests.fakes.broker import start_tansu
from tests.fakes.clickhouse_server import start_clickhouse
from tests.fakes.redis_server import start_redis
from tests.fakes.server_process import running

__all__ = ["HOST", "Service", "processor_s", "serve_bare", "serve_reads"]

HOST = "127.0.0.1"
_READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """Where the API listens, what it knows, and a key for each tenant; `pids` of the API and of ClickHouse."""

    port: int
    tables_url: str
    past: Past
    keys: dict[str, str]
    pids: dict[str, int]


@asynccontextmanager
async def serve_reads(folder: Path, *, tenants: int, incidents: int) -> AsyncIterator[Service]:
    """Start Redis, ClickHouse, a broker and the role, with `incidents` incidents in each of `tenants` tenants."""
    with (
        start_redis(folder / "redis") as redis,
        start_clickhouse(folder / "ch") as tables,
        start_tansu() as broker,
    ):
        async with open_clickhouse(ClickHouseAddress(tables.url)) as clickhouse:
            past = await fill(clickhouse, tenants=tenants, incidents=incidents)
        await ensure_topics(KafkaSettings.embedded(broker), 1)
        data_dir = folder / "data"
        keys = await _keys(Settings(data_dir=data_dir), past)
        env = {
            "TOCSIN_DATA_DIR": str(data_dir),
            "TOCSIN_KAFKA__BOOTSTRAP_SERVERS": broker,
            "TOCSIN_KAFKA__EMBEDDED": "true",
            "TOCSIN_REDIS__URL": redis,
            "TOCSIN_CLICKHOUSE__URL": tables.url,
        }
        with _api(folder, env) as (port, pid):
            for key in keys.values():
                _give_topology(port, key)
            yield Service(port, tables.url, past, keys, {"api": pid, "clickhouse": tables.process.pid})


@contextmanager
def _api(folder: Path, env: dict[str, str]) -> Iterator[tuple[int, int]]:
    port = PortBook(random.SystemRandom()).free()
    argv = (sys.executable, "-m", "infra.cli.main", "role", "api")
    spec = _spec(argv, folder, HttpOk(HOST, port, "/health"), {**env, "TOCSIN_API__PORT": str(port)})
    with running(spec) as process:
        yield port, process.pid


@contextmanager
def serve_bare(folder: Path) -> Iterator[tuple[int, int]]:
    """Start the bare peer; yields its port and process id."""
    port = PortBook(random.SystemRandom()).free()
    argv = (sys.executable, "-m", "tests.bench.reads.bare", str(port))
    with running(_spec(argv, folder, HttpOk(HOST, port, "/rows/0"), {})) as process:
        yield port, process.pid


def _spec(argv: tuple[str, ...], folder: Path, probe: HttpOk, env: dict[str, str]) -> ProcessSpec:
    name = argv[-1] if argv[-1].isalpha() else "bare"
    return ProcessSpec(
        name=name,
        argv=argv,
        env=env,
        ready=probe,
        log_file=folder / f"{name}.log",
        ready_deadline_s=_READY_S,
    )


async def _keys(settings: Settings, past: Past) -> dict[str, str]:
    async with open_key_ring(settings) as ring:
        return {tenant: (await ring.make(tenant, [Role.ADMIN]))[1] for tenant in past.tenants}


def _give_topology(port: int, key: str) -> None:
    calls = {
        one: [SERVICES[(number * 3 + 1) % 20], SERVICES[(number * 7 + 2) % 20]]
        for number, one in enumerate(SERVICES)
    }
    request = urllib.request.Request(
        f"http://{HOST}:{port}/v1/topology",
        json.dumps({"calls": calls}).encode(),
        {"X-API-Key": key, "Content-Type": "application/json", "If-None-Match": "*"},
        method="PUT",
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the API that was just started
        answer.read()


def processor_s(pid: int) -> float:
    """Processor time that a process has used, in seconds (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
