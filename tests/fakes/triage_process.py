"""A triage worker as a process of its own: `python -m tests.fakes.triage_process BOOTSTRAP PREFIX DATA_DIR`.

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
from streams.app import TriageSettings, create_app
from streams.dead_letters import DeadLetters
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from streams.triage.deps import TriageDeps
from streams.triage_worker import run_triage
from tests.fakes.triage import SHOP, Configured, Limits

__all__ = ["SESSION_MS", "kafka_for", "triage_deps", "triage_settings"]

SESSION_MS = 3_000


def kafka_for(bootstrap: str, prefix: str) -> KafkaSettings:
    embedded = KafkaSettings.embedded(bootstrap, topic_prefix=prefix)
    return embedded.model_copy(
        update={
            "session_timeout_ms": SESSION_MS,
            "rebalance_timeout_ms": SESSION_MS,
            "heartbeat_interval_ms": 300,
        }
    )


def triage_settings(kafka: KafkaSettings, data_dir: Path) -> TriageSettings:
    """Small batches, so that a worker dies with some done, some in hand and some to come."""
    return TriageSettings(kafka=kafka, data_dir=data_dir, batch_size=20, commit_interval_s=0.3)


@asynccontextmanager
async def triage_deps(kafka: KafkaSettings) -> AsyncIterator[TriageDeps]:
    clock = SystemClock()
    async with open_producer(kafka, source="/test/triage") as producer:
        yield TriageDeps(
            publisher=producer,
            dead_letters=DeadLetters(producer, kafka.names, clock),
            control=Configured(SHOP),
            admission=Limits(),
            clock=clock,
        )


async def _main(bootstrap: str, prefix: str, data_dir: str) -> None:
    kafka = kafka_for(bootstrap, prefix)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with triage_deps(kafka) as deps:
        app = create_app(triage_settings(kafka, Path(data_dir)), deps)
        await run_triage(app, stop)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(_main(*sys.argv[1:4]))
