"""KPI samples from the broker through the detection job, beside a bare consumer of the same messages.

Two kinds of traffic, both made by the intake's own code and on the broker before a clock starts. `live`: each message
holds one sample of each series of a service, as a minute's remote write brings them. `backfill`: each message holds hours
of some series. The job decodes, detects, publishes its alarms and commits, as in production.
"""

from __future__ import annotations

import time
from statistics import median
from uuid import uuid4

from schemas.events import KpiBatch
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from tests.bench.figures import Figure, at_least, below
from tests.bench.kpis.memory import bytes_a_series
from tests.bench.kpis.readers import bare, decode_bare, detect
from tests.bench.kpis.traffic import Traffic
from tests.bench.run import Run
from tests.fakes.broker import start_tansu

__all__ = ["measure"]

_GOAL = 500_000
_CHUNK = 400


async def measure(run: Run) -> list[Figure]:
    start_ms = int(time.time() * 1000) - 7 * 86_400_000
    services = run.of(20, 2)
    live = Traffic(services, 200, run.of(240, 40), 1, start_ms)
    backfill = Traffic(services, 200, run.of(480, 240), 240, start_ms)
    figures: list[Figure] = []
    with start_tansu() as bootstrap:
        kafka = KafkaSettings.embedded(bootstrap)
        for name, traffic in (("live", live), ("backfill", backfill)):
            figures += await _measured(run, kafka, name, traffic)
    held = run.of(50_000, 2_000)
    figures.append(
        Figure("state of a series", bytes_a_series(held), "bytes", below(4_096), f"{held:,} series")
    )
    return figures


async def _measured(run: Run, kafka: KafkaSettings, name: str, traffic: Traffic) -> list[Figure]:
    ours = kafka.model_copy(update={"topic_prefix": f"{uuid4().hex[:8]}."})
    messages = await _fill(ours, traffic)
    run.say(f"{name}: {traffic.samples:,} samples in {messages:,} messages are on the broker")
    rates, fetched, decoded, alarms = [], [], [], 0
    for number in range(run.of(3, 1)):
        partitions = topic_of(KpiBatch).partitions
        fetched.append(traffic.samples / await bare(ours, messages, partitions, _ignore))
        decoded.append(traffic.samples / await bare(ours, messages, partitions, decode_bare))
        rate, alarms = await detect(ours, f"tocsin.detect.{number}", traffic.samples)
        rates.append(rate)
        run.say(
            f"{name}: fetch {fetched[-1]:,.0f}/s, with decoding {decoded[-1]:,.0f}/s, detection {rate:,.0f}/s"
        )
    peer = f"bare consumer {median(decoded):,.0f} samples/s decoded, {median(fetched):,.0f} only fetched"
    told = f"{traffic.series:,} series, {messages:,} messages, {alarms:,} alarms told"
    return [
        Figure(f"{name}: samples through detection", median(rates), "samples/s", at_least(_GOAL), told),
        Figure(
            f"{name}: detection ÷ bare fetch and decode", median(rates) / median(decoded), "x", None, "", peer
        ),
    ]


async def _fill(kafka: KafkaSettings, traffic: Traffic) -> int:
    """Publish all; returns the number of messages."""
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/api") as producer:
        await admin.ensure()
        batches: list[KpiBatch] = []
        messages = 0
        for batch in traffic.batches():
            batches.append(batch)
            messages += 1
            if len(batches) == _CHUNK:
                await producer.publish_all(batches)
                batches.clear()
        await producer.publish_all(batches)
    return messages


def _ignore(_value: bytes) -> None:
    """Only fetch."""
