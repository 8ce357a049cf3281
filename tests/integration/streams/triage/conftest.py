from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiokafka import AIOKafkaConsumer

from schemas.codec import decode
from schemas.events import AlarmChanged, DeadLetter, Event, Incident, InvestigationRequested
from streams.admin import open_admin
from streams.app import create_app
from streams.kafka import KafkaSettings, make_consumer
from streams.messages import Message
from streams.producer import EventProducer, open_producer
from streams.triage.deps import TriageDeps
from streams.triage_worker import run_triage
from tests.fakes.triage_process import quick_joins, triage_deps, triage_settings

_E = TypeVar("_E", bound=Event)
_DEADLINE_S = 90.0
_ROOT = Path(__file__).parents[4]


@dataclass
class Reader:
    """Everything that triage has said so far, in order of arrival."""

    consumer: AIOKafkaConsumer
    prefix: str
    events: list[Event] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def of(self, kind: type[_E]) -> list[_E]:
        return [one for one in self.events if isinstance(one, kind)]

    async def until(self, condition: Callable[[], bool], *, alive: asyncio.Task[None] | None = None) -> None:
        """Read until the condition holds; fails after a generous deadline, or when triage ends meanwhile."""
        async with asyncio.timeout(_DEADLINE_S):
            while not condition():
                assert alive is None or not alive.done(), alive
                for records in (await self.consumer.getmany(timeout_ms=100)).values():
                    for record in records:
                        self.messages.append(Message.of(record))
                        self.events.append(decode(record.topic.removeprefix(self.prefix), record.value))


@dataclass
class Stack:
    """Topics of its own on the broker, a producer, a reader, and triage to be started as wanted."""

    kafka: KafkaSettings
    data_dir: Path
    producer: EventProducer
    reader: Reader

    @asynccontextmanager
    async def triage(self, **deps: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Run triage in this process; stopped at the end unless it has failed by then."""
        async with triage_deps(self.kafka) as ours:
            wanted: TriageDeps = replace(ours, **deps)
            stop = asyncio.Event()
            app = create_app(triage_settings(self.kafka, self.data_dir), wanted)
            task = asyncio.create_task(run_triage(app, stop))
            try:
                yield task
            finally:
                stop.set()
                await asyncio.wait({task}, timeout=10)
                assert task.done(), "triage did not stop within ten seconds"
                task.exception()

    @contextmanager
    def process(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run triage as a process; killed at the end."""
        command = [
            sys.executable,
            "-m",
            "tests.fakes.triage_process",
            self.kafka.model_dump_json(),
            str(self.data_dir),
        ]
        child = subprocess.Popen(command, cwd=_ROOT)
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGKILL)
            child.wait()


@pytest.fixture
async def stack(any_kafka: KafkaSettings, tmp_path: Path) -> AsyncIterator[Stack]:
    kafka = quick_joins(any_kafka, f"triage-{uuid.uuid4().hex[:8]}.")
    async with open_admin(kafka) as admin, open_producer(kafka, source="/test") as producer:
        await admin.ensure()
        consumer = make_consumer(kafka, None)
        said = (AlarmChanged, Incident, InvestigationRequested, DeadLetter)
        consumer.subscribe([kafka.names.on_broker(one.TOPIC) for one in said])
        await consumer.start()
        try:
            yield Stack(kafka, tmp_path, producer, Reader(consumer, kafka.topic_prefix))
        finally:
            await consumer.stop()
