"""The role `investigate` as a process of its own, beside the servers that it needs."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.process import ProcessSpec
from infra.runtime.clock import SystemClock
from sinks.clickhouse.client import ClickHouseAddress, open_clickhouse
from sinks.clickhouse.migrate import Migrator, load_migrations
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from tests.fakes.broker import start_tansu
from tests.fakes.clickhouse_server import start_clickhouse
from tests.fakes.redis_server import start_redis
from tests.fakes.server_process import running

__all__ = ["Servers", "prepare", "resident_mib", "role", "servers"]


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses, as settings take them."""

    kafka: KafkaSettings
    redis_url: str
    clickhouse_url: str


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Start an empty broker, Redis and ClickHouse; `prepare` makes their topics and tables."""
    with ExitStack() as stack:
        kafka = KafkaSettings.embedded(stack.enter_context(start_tansu()))
        redis_url = stack.enter_context(start_redis(folder / "redis"))
        clickhouse = stack.enter_context(start_clickhouse(folder / "clickhouse"))
        yield Servers(kafka, redis_url, clickhouse.url)


async def prepare(known: Servers) -> None:
    """Make all topics and tables."""
    async with open_admin(known.kafka) as admin:
        await admin.ensure()
    async with open_clickhouse(ClickHouseAddress(url=known.clickhouse_url)) as clickhouse:
        await Migrator(clickhouse, SystemClock().now, load_migrations()).up()


@contextmanager
def role(known: Servers, folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the role until left; ready when its metrics are. `settings` are of its section: `data_wait_s="60"`."""
    port = PortBook(random.SystemRandom()).free()
    environment = {
        "TOCSIN_DATA_DIR": str(folder / "data"),
        "TOCSIN_KAFKA__BOOTSTRAP_SERVERS": known.kafka.bootstrap_servers,
        "TOCSIN_KAFKA__EMBEDDED": "true",
        "TOCSIN_REDIS__URL": known.redis_url,
        "TOCSIN_CLICKHOUSE__URL": known.clickhouse_url,
        "TOCSIN_TELEMETRY__METRICS_PORT": str(port),
        "TOCSIN_TELEMETRY__LOG_LEVEL": "warning",
    }
    environment |= {f"TOCSIN_INVESTIGATE__{name.upper()}": value for name, value in settings.items()}
    (folder / "data").mkdir(exist_ok=True)
    spec = ProcessSpec(
        name="investigate",
        argv=(sys.executable, "-m", "infra.cli.main", "role", "investigate"),
        log_file=folder / "investigate.log",
        env=environment,
        ready=HttpOk("127.0.0.1", port, "/metrics"),
        ready_deadline_s=60.0,
    )
    with running(spec) as process:
        yield process


def resident_mib(pid: int) -> float:
    """Memory of one process that is not paged out, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
