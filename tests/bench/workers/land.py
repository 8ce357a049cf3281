"""Landing as the role `land` runs it, until so many rows are in the tables.

`python -m tests.bench.workers.land KAFKA CLICKHOUSE REDIS TOPIC GROUP ROWS`; KAFKA is KafkaSettings as JSON, the next two
are addresses. Prints how it went as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field

import uvloop

from infra.runtime.clock import SystemClock
from infra.runtime.redis import RedisWatermarks, open_redis
from infra.runtime.settings import LandSection
from infra.runtime.telemetry import PrometheusRecorder
from schemas.metrics import LANDED_ROWS, STAGE_SECONDS, Metric
from sinks.clickhouse.client import ClickHouseAddress, open_clickhouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from streams.dead_letters import DeadLetters
from streams.jobs.batches import CutRule
from streams.kafka import KafkaSettings
from streams.land import Lander, LandRules
from streams.producer import open_producer
from tests.bench.workers.meter import quiet_logs


@dataclass
class LandMeter:
    """A recorder as the role has it, that also notes each batch: its rows, and when the first began and the last ended."""

    inner: PrometheusRecorder = field(default_factory=PrometheusRecorder.create)
    batches: list[int] = field(default_factory=list)
    began: float = float("inf")
    ended: float = 0.0

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        if metric is LANDED_ROWS:
            self.batches.append(int(amount))
        self.inner.count(metric, amount, **labels)

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        self.inner.gauge(metric, value, **labels)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        if metric is STAGE_SECONDS:
            self.ended = time.perf_counter()
            self.began = min(self.began, self.ended - value)
        self.inner.observe(metric, value, **labels)

    def told(self) -> dict[str, object]:
        seconds = self.ended - self.began
        return {"batches": self.batches, "seconds": seconds, "cpu_seconds": time.process_time()}


async def _main(kafka: KafkaSettings, arguments: list[str]) -> None:
    clickhouse, redis, topic, group, rows = arguments
    meter, clock, stop = LandMeter(), SystemClock(), asyncio.Event()
    section = LandSection()
    async with (
        open_clickhouse(ClickHouseAddress(clickhouse), meter) as tables,
        open_redis(redis) as marks,
        open_producer(kafka, source="/bench") as producer,
    ):
        landing = ClickHouseLanding(tables, FixedRetention(30), clock, recorder=meter, epoch=group)
        rules = LandRules((topic,), group, CutRule(section.batch_rows))
        office = DeadLetters(producer, kafka.names, clock, meter)
        watermarks = RedisWatermarks(marks, prefix=group)
        lander = Lander(kafka, landing, office, watermarks, clock, rules=rules, recorder=meter)
        running = asyncio.create_task(lander.run(stop))
        while not running.done() and sum(meter.batches) < int(rows):  # noqa: ASYNC110 - the recorder has no event to wait for
            await asyncio.sleep(0.05)
        stop.set()
        await running
    print(json.dumps(meter.told()), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    quiet_logs()
    uvloop.run(_main(KafkaSettings.model_validate_json(sys.argv[1]), sys.argv[2:]))
