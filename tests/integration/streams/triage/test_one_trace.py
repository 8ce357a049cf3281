"""One alarm, sent through the real broker, leaves one trace that leads from its sender to its evidence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra.runtime.clock import SystemClock
from infra.runtime.telemetry.otel import OtelTracing
from schemas.codec import encode
from schemas.envelope import read_envelope
from schemas.events import Audit, DeadLetter, InvestigationStatus
from schemas.outcomes import Done, Outcome
from schemas.tracing import INCIDENT, TENANT, TOPIC, trace_id_of
from streams.dead_letters import DeadLetters
from streams.investigate import Investigations, investigate_worker
from streams.jobs.worker import Limits
from streams.ports import Run
from streams.producer import EventProducer, open_producer
from tests.fakes.events import alarm
from tests.fakes.investigations import MemoryLease, MemoryMarkers, Scripted
from tests.integration.streams.triage.conftest import Stack

pytestmark = pytest.mark.broker

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A tracing whose spans are kept, and what an investigator found bound to its log."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = OtelTracing("test", SimpleSpanProcessor(self._exporter))
        self.bound: dict[str, Any] = {}

    def of(self, trace_id: str) -> dict[str, ReadableSpan]:
        spans = self._exporter.get_finished_spans()
        return {one.name: one for one in spans if f"{one.context.trace_id:032x}" == trace_id}


@asynccontextmanager
async def investigating(stack: Stack, traced: Traced, producer: EventProducer) -> AsyncIterator[None]:
    """Run the investigate role; its investigator publishes from a task of its own, as a graph does."""

    async def script(run: Run) -> Outcome:
        traced.bound = structlog.contextvars.get_contextvars()
        await asyncio.create_task(run.progress("gather", "looks at the KPIs", 0.5))
        return Done()

    clock, stop = SystemClock(), asyncio.Event()
    handler = Investigations(
        Scripted(script),
        MemoryLease(),
        MemoryMarkers(),
        producer,
        clock,
        worker="w1",
        tracing=traced.tracing,
    )
    office = DeadLetters(producer, stack.kafka.names, clock)
    worker = investigate_worker(stack.kafka, handler, office, clock, limits=Limits(poll_s=0.05))
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def test_one_trace_leads_from_the_sender_to_what_is_found(stack: Stack) -> None:
    traced, now = Traced(), datetime.now(UTC)
    reader = stack.reader
    reader.consumer.subscribe(
        [stack.kafka.names.on_broker(one.TOPIC) for one in (InvestigationStatus, DeadLetter)]
    )
    async with (
        open_producer(stack.kafka, source="/test", tracing=traced.tracing) as producer,
        stack.triage(publisher=producer, tracing=traced.tracing) as running,
        investigating(stack, traced, producer),
    ):
        await producer.publish(alarm(occurred_at=now, started_at=now))
        await reader.until(lambda: len(reader.of(InvestigationStatus)) == 2, alive=running)
    (trace_id,) = {trace_id_of(read_envelope(one.headers).traceparent) for one in reader.messages}
    spans = traced.of(trace_id)
    path = ["publish", "intake", "correlate", "trigger", "investigate"]
    assert list(spans) == path
    for before, after in pairwise(path):
        parent = spans[after].parent
        assert parent is not None, after
        assert parent.span_id == spans[before].context.span_id, after
    assert spans["publish"].parent is None
    assert {str((one.attributes or {})[TENANT]) for one in spans.values()} == {"acme"}
    assert [str((spans[one].attributes or {})[TOPIC]) for one in path] == [
        "alarms.raw",
        "alarms.raw",
        "alarms.changed",
        "incidents",
        "investigations.requested",
    ]
    (status, _) = reader.of(InvestigationStatus)
    assert (spans["investigate"].attributes or {})[INCIDENT] == status.incident_id
    bound = {"tenant": "acme", "incident": status.incident_id, "trace": trace_id}
    assert bound.items() <= traced.bound.items()


async def test_a_dead_letter_keeps_the_trace_of_its_message(stack: Stack) -> None:
    traced, now = Traced(), datetime.now(UTC)
    reader = stack.reader
    wrong = Audit(
        tenant="acme", occurred_at=now, principal="cli", action="x", resource="y", allowed=True, reason="z"
    )
    async with stack.triage(tracing=traced.tracing) as running:
        headers = [("traceparent", TRACE.encode())]
        await stack.producer.send_raw("alarms.raw", b"acme|x", encode(wrong), headers)
        await reader.until(lambda: len(reader.of(DeadLetter)) == 1, alive=running)
    (letter,) = reader.messages
    assert read_envelope(letter.headers).traceparent == TRACE
