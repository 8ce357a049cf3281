"""Who reads the topic: the detection job, and a bare consumer that only fetches, or fetches and decodes."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from io import BytesIO

from aiokafka import AIOKafkaConsumer, TopicPartition
from fastavro import schemaless_reader

from infra.runtime.clock import SystemClock
from schemas.events import KpiBatch
from schemas.metrics import DETECTED_ALARMS, KPI_SAMPLES, Metric, NullRecorder
from schemas.registry import builtin_registry
from streams.dead_letters import DeadLetters
from streams.detect.role import run_detection
from streams.detect.settings import DetectRules
from streams.kafka import KafkaSettings, make_consumer
from streams.producer import open_producer

__all__ = ["bare", "decode_bare", "detect"]

_LOOK_S = 0.05
_GIVE_UP_S = 120.0
_HEADER_BYTES = 5


class _Meter(NullRecorder):
    """Counts samples and alarms, and notes when the first and the last samples were handled."""

    def __init__(self) -> None:
        self.samples = self.first_samples = self.alarms = 0
        self.first_at = self.last_at = 0.0

    def count(self, metric: Metric, amount: float = 1, **_labels: str) -> None:
        if metric is DETECTED_ALARMS:
            self.alarms += int(amount)
        if metric is not KPI_SAMPLES:
            return
        self.last_at = time.perf_counter()
        if not self.samples:
            self.first_samples, self.first_at = int(amount), self.last_at
        self.samples += int(amount)

    @property
    def rate(self) -> float:
        """Samples per second after the first batch: joining the group is not what is measured."""
        return (self.samples - self.first_samples) / (self.last_at - self.first_at)


async def detect(kafka: KafkaSettings, group: str, samples: int) -> tuple[float, int]:
    """Run the role `detect` over the topic from its beginning as a group of its own.

    Returns samples per second and the alarms told. Raises TimeoutError when the samples do not come.
    """
    meter, stop, clock = _Meter(), asyncio.Event(), SystemClock()
    async with open_producer(kafka, source="/tocsin/detect") as producer, asyncio.timeout(_GIVE_UP_S):
        running = asyncio.create_task(
            run_detection(
                kafka,
                DetectRules(group=group),
                producer,
                DeadLetters(producer, kafka.names, clock, meter),
                clock,
                recorder=meter,
                stop=stop,
            )
        )
        while meter.samples < samples:
            await asyncio.wait([running], timeout=_LOOK_S)
            if running.done():
                break
        stop.set()
        await running
    return meter.rate, meter.alarms


def decode_bare(value: bytes) -> None:
    """What a plain Avro client does: look the schema up by its id and read the record."""
    (schema_id,) = struct.unpack_from(">I", value, 1)
    schemaless_reader(BytesIO(value[_HEADER_BYTES:]), builtin_registry().by_id[schema_id].parsed, None)


async def bare(
    kafka: KafkaSettings, messages: int, partitions: int, handle: Callable[[bytes], None]
) -> float:
    """Read so many messages with a bare consumer; returns the seconds from the first one handled to the last."""
    consumer: AIOKafkaConsumer = make_consumer(kafka, None)
    topic = kafka.names.on_broker(KpiBatch.TOPIC)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        await consumer.seek_to_beginning()
        handle((await consumer.getone()).value)
        seen, began = 1, time.perf_counter()
        while seen < messages:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    handle(record.value)
                seen += len(records)
        return time.perf_counter() - began
    finally:
        await consumer.stop()
