"""The detect role, for the composition root."""

from __future__ import annotations

import asyncio

from schemas.metrics import Recorder
from schemas.registry import SchemaRegistry
from streams.detect.consumer import DetectConsumer
from streams.detect.settings import DetectRules
from streams.kafka import KafkaSettings
from streams.ports import Clock, DeadLetterOffice, Publisher

__all__ = ["run_detection"]


async def run_detection(  # noqa: PLR0913 - its collaborators
    settings: KafkaSettings,
    rules: DetectRules,
    publisher: Publisher,
    office: DeadLetterOffice,
    clock: Clock,
    *,
    recorder: Recorder,
    stop: asyncio.Event,
    registry: SchemaRegistry | None = None,
) -> None:
    """Detect over kpis.raw until `stop` is set. Raises like DetectConsumer.run. The caller owns and closes the publisher."""
    consumer = DetectConsumer(settings, rules, publisher, office, clock, recorder=recorder, registry=registry)
    await consumer.run(stop)
