"""A triage worker as a process of its own: `python -m tests.fakes.triage_process KAFKA DATA_DIR`.

KAFKA is KafkaSettings as JSON.

Stops cleanly on SIGTERM, exits with 1 when triage fails.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from infra.runtime.clock import SystemClock
from schemas.metrics import NullRecorder, Recorder
from streams.app import TriageSettings, create_app
from streams.dead_letters import DeadLetters
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from streams.triage.deps import TriageDeps
from streams.triage_worker import run_triage
from tests.fakes.triage import SHOP, Configured, Limits

__all__ = ["SESSION_MS", "quick_joins", "triage_deps", "triage_settings"]

SESSION_MS = 3_000


def quick_joins(kafka: KafkaSettings, prefix: str) -> KafkaSettings:
    """The same broker with topics of one's own, and a group that soon misses a dead member."""
    return kafka.model_copy(
        update={
            "topic_prefix": prefix,
            "session_timeout_ms": SESSION_MS,
            "rebalance_timeout_ms": SESSION_MS,
            "heartbeat_interval_ms": 300,
        }
    )


def triage_settings(kafka: KafkaSettings, data_dir: Path) -> TriageSettings:
    """Small batches, so that a worker dies with some done, some in hand and some to come."""
    return TriageSettings(kafka=kafka, data_dir=data_dir, batch_size=20, commit_interval_s=0.3)


@asynccontextmanager
async def triage_deps(kafka: KafkaSettings, recorder: Recorder | None = None) -> AsyncIterator[TriageDeps]:
    clock = SystemClock()
    async with open_producer(kafka, source="/test/triage") as producer:
        yield TriageDeps(
            publisher=producer,
            dead_letters=DeadLetters(producer, kafka.names, clock),
            control=Configured(SHOP),
            admission=Limits(),
            clock=clock,
            recorder=recorder or NullRecorder(),
        )


async def _main(settings: str, data_dir: str) -> None:
    kafka = KafkaSettings.model_validate_json(settings)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with triage_deps(kafka) as deps:
        app = create_app(triage_settings(kafka, Path(data_dir)), deps)
        await run_triage(app, stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(_main(*sys.argv[1:3]))
