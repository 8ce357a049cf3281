"""Landing, from the broker into the tables, beside a bare columnar insert of the same rows.

Ours is the role `land` with its own settings: it polls, declares each batch, decodes and checks each event, makes columns,
inserts under a token, and commits. The peer has the rows as columns beforehand and only inserts them, in batches as large
as ours were. The time of both is from the beginning of the first batch to the end of the last.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median
from typing import Any

from schemas.events import Event, KpiBatch
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.migrate import Migrator, load_migrations
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from tests.bench.benches.alarm_path import storm
from tests.bench.figures import Figure, at_least
from tests.bench.run import Run
from tests.fakes.broker import start_tansu
from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse
from tests.fakes.redis_server import start_redis

__all__ = ["measure"]

_SERIES, _SAMPLES = 16, 30
_SERVICES = 50
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class _Site:
    kafka: KafkaSettings
    server: ClickHouseServer
    redis: str
    clickhouse: ClickHouse


@dataclass(frozen=True, slots=True)
class _Load:
    """What is landed: events of one topic, their table, and rows in all."""

    events: list[Event]
    table: str
    rows: int

    @property
    def topic(self) -> str:
        return self.events[0].TOPIC


async def measure(run: Run) -> list[Figure]:
    batches: list[Event] = list(islice(_kpis(), run.of(6_000, 400)))
    alarms: list[Event] = list(islice(storm(), run.of(40_000, 3_000)))
    loads = (
        _Load(batches, "kpis", len(batches) * _SERIES * _SAMPLES),
        _Load(alarms, "alarms", len(alarms)),
    )
    with (
        start_tansu() as bootstrap,
        start_clickhouse(run.folder / "clickhouse") as server,
        start_redis(run.folder / "redis") as redis,
    ):
        async with open_clickhouse(ClickHouseAddress(server.url)) as clickhouse:
            await Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations()).up()
            site = _Site(KafkaSettings.embedded(bootstrap), server, redis, clickhouse)
            return [await _measured(run, site, load) for load in loads]


async def _measured(run: Run, site: _Site, load: _Load) -> Figure:
    bare = f"{load.table}_bare"
    await site.clickhouse.execute(f"CREATE TABLE {bare} AS {load.table}")
    kafka = await _filled(site.kafka, load.events)
    ours, peer, largest = [], [], 0
    for number in range(run.of(3, 1)):
        landed = _landed(site, kafka, load, f"bench.{load.table}.{number}")
        inserted = _inserted(site, load.table, bare, landed["batches"])
        ours.append(load.rows / landed["seconds"])
        peer.append(load.rows / inserted["seconds"])
        largest = max(largest, *landed["batches"])
        run.say(f"{load.table}: ours {ours[-1]:,.0f} rows/s, bare {peer[-1]:,.0f} rows/s")
        await _emptied(site.clickhouse, load.table, bare)
    return Figure(
        f"{load.table}: landing ÷ bare insert",
        median(a / b for a, b in zip(ours, peer, strict=True)),
        "x",
        at_least(0.8),
        f"{median(ours):,.0f} rows/s, poll to commit, inserts of up to {largest:,} rows",
        f"{median(peer):,.0f} rows/s, columns made beforehand",
    )


async def _filled(kafka: KafkaSettings, events: list[Event]) -> KafkaSettings:
    """Topics of their own, with these events."""
    ours = kafka.model_copy(update={"topic_prefix": f"landing-{events[0].TOPIC}."})
    async with open_admin(ours) as admin, open_producer(ours, source="/bench") as producer:
        await admin.ensure()
        await producer.publish_all(events)
    return ours


async def _emptied(clickhouse: ClickHouse, *tables: str) -> None:
    for table in tables:
        await clickhouse.execute(f"TRUNCATE TABLE {table} SYNC")


def _landed(site: _Site, kafka: KafkaSettings, load: _Load, group: str) -> dict[str, Any]:
    plain = kafka.model_dump(mode="json", exclude={"sasl_password", "ssl_key_password"})
    told = _told("land", json.dumps(plain), site.server.url, site.redis, load.topic, group, str(load.rows))
    if sum(told["batches"]) != load.rows:
        msg = f"{sum(told['batches'])} rows landed, not {load.rows}"
        raise RuntimeError(msg)
    return told


def _inserted(site: _Site, source: str, target: str, batches: list[int]) -> dict[str, Any]:
    address = (site.server.host, str(site.server.port))
    return _told("bare_insert", *address, source, target, json.dumps(batches))


def _told(worker: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.workers.{worker}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_LONGEST_S,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _kpis() -> Iterator[KpiBatch]:
    """Half a minute of a service's series, one service after another."""
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
    number = 0
    while True:
        yield _kpi_batch(
            f"service-{number % _SERVICES}", begin + timedelta(seconds=30 * (number // _SERVICES))
        )
        number += 1


def _kpi_batch(service: str, at: datetime) -> KpiBatch:
    first_ms = round(at.timestamp() * 1000)
    times = [first_ms + 1_000 * n for n in range(_SAMPLES)]
    series = [
        {
            "metric": f"metric_{n}",
            "labels": {"pod": f"{service}-{n % 4}", "zone": "b"},
            "unit": "1",
            "times_ms": times,
            "values": [100 * math.sin(n + ms / 7_000) for ms in times],
        }
        for n in range(_SERIES)
    ]
    occurred_at = at + timedelta(seconds=_SAMPLES - 1)
    return KpiBatch.model_validate(
        {
            "tenant": "acme",
            "occurred_at": occurred_at,
            "source": "prometheus",
            "service": service,
            "series": series,
        }
    )
