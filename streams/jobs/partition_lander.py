"""Lands one partition in one assignment: cut, declare, decode, insert, commit; one batch at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from structlog.contextvars import bound_contextvars

from schemas.codec import decode
from schemas.errors import InvalidEventError, RetryableError, UnknownSchemaError
from schemas.events import Event
from schemas.metrics import BATCH_ROWS, MESSAGES, STAGE_SECONDS, Recorder
from schemas.registry import SchemaRegistry
from schemas.registry_reading import read_event
from schemas.tracing import TOPIC, NullTracing, SpanName, Tracing, trace_id_of
from streams.ends import LandedUpTo
from streams.jobs.attempts import RetryPolicy
from streams.jobs.batches import Batch, Cutter
from streams.jobs.intents import Intents
from streams.messages import LandedMessage, Message, Partition
from streams.ports import Clock, DeadLetterOffice, Landing, Watermarks

__all__ = ["LandingTools", "PartitionLander"]

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_STAGE = "land"
_DECODE_SLICE = 200
_SCHEMA_BYTES = 5


@dataclass(frozen=True, slots=True)
class LandingTools:
    """What all partitions of one lander share. `commit` is the group's own, fenced commit."""

    landing: Landing
    office: DeadLetterOffice
    watermarks: Watermarks
    clock: Clock
    recorder: Recorder
    retry: RetryPolicy
    registry: SchemaRegistry | None
    buried_elsewhere: frozenset[str]
    intents: Intents
    commit: Callable[[Partition, int], Awaitable[None]]
    tracing: Tracing = field(default_factory=NullTracing)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """To decode: one partition after another, so that the first one's rows are being inserted while the next decodes."""


class PartitionLander:
    """Feed it messages in order; `run` lands them until it is cancelled or the partition turns out to be lost."""

    def __init__(self, place: Partition, topic: str, cutter: Cutter, tools: LandingTools) -> None:
        """`topic` is the bare name of `place.topic`."""
        self.place = place
        self._topic = topic
        self._cutter = cutter
        self._tools = tools
        self._fed = asyncio.Event()
        self._landed = cutter.position
        self._read_up_to = cutter.position
        self._watermark = LandedUpTo()
        self._stopping = False

    @property
    def full(self) -> bool:
        return self._cutter.full

    @property
    def behind(self) -> int:
        """How many offsets are known to be still to land."""
        return self._watermark.behind(self._landed)

    def feed(self, messages: Sequence[Message]) -> None:
        now = self._tools.clock.now()
        for message in messages:
            self._cutter.add(message, now)
        if messages:
            self._read_up_to = max(self._read_up_to, messages[-1].offset + 1)
            self._fed.set()

    def stop(self) -> None:
        """End `run` after the batch it is at; what is only buffered will be read again by the next owner."""
        self._stopping = True
        self._fed.set()

    async def observe(self, response: object, end: int | None, position: int) -> None:
        """Take a look at the partition's last fetch response, and advance the watermark where that is due.

        Args:
            response: changes with each response.
            end: the partition's end in it, None before the first.
            position: the consumer's: everything below it was fed.

        Raises:
            RetryableError: the watermark was not taken; a later one will be.
        """
        if position > self._read_up_to:
            self._read_up_to = position
            self._fed.set()
        self._watermark.look(self._tools.clock.now(), response, end)
        reached = self._watermark.reached(self._idle_at(position))
        if reached is not None:
            await self._tools.watermarks.advance(self._topic, self.place.partition, reached)

    def _idle_at(self, position: int) -> int:
        """Offsets without a message (markers, compacted ones) are landed once everything before them is."""
        idle = self._cutter.buffered == 0 and self._landed == self._cutter.position
        return max(self._landed, position) if idle else self._landed

    async def run(self) -> None:
        """Land batches as they fall due. Returns when stopped, or when the group took the partition away.

        Raises:
            TerminalError: the tables refuse the rows for good; nothing is skipped, a person must look.
        """
        while not self._stopping:
            self._fed.clear()
            batch = self._cutter.cut(self._tools.clock.now(), self._read_up_to)
            if batch is None:
                await self._until_fed_or_aged()
                continue
            try:
                await self._land_traced(batch)
            except (CommitFailedError, IllegalStateError) as error:
                _log.info(
                    "partition_lost", topic=self._topic, partition=self.place.partition, error=repr(error)
                )
                return

    async def _until_fed_or_aged(self) -> None:
        waits: list[Coroutine[Any, Any, object]] = [self._fed.wait()]
        due_at = self._cutter.due_at
        if due_at is not None:
            waits.append(self._tools.clock.sleep((due_at - self._tools.clock.now()).total_seconds()))
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _land_traced(self, batch: Batch) -> None:
        """In a trace of its own: a batch has as many causes as messages."""
        bound = {"topic": self._topic, "partition": self.place.partition}
        span = self._tools.tracing.span(SpanName.LAND, "", {TOPIC: self._topic})
        with span as traceparent, bound_contextvars(**bound, trace=trace_id_of(traceparent)):
            await self._land(batch)

    async def _land(self, batch: Batch) -> None:
        began = asyncio.get_running_loop().time()
        await self._persist(lambda: self._tools.intents.declare(self.place, batch.last))
        await self._persist(lambda: self._tools.commit(self.place, batch.first))
        rows = await self._decoded(batch.messages)
        if rows:
            token = batch.token(self._topic, self.place.partition)
            await self._persist(lambda: self._tools.landing.insert(self._topic, rows, token))
        await self._persist(lambda: self._tools.commit(self.place, batch.last + 1))
        self._landed = batch.last + 1
        self._measure(len(rows), asyncio.get_running_loop().time() - began)

    async def _decoded(self, messages: Sequence[Message]) -> list[LandedMessage]:
        await self._learn(messages)
        refused: list[tuple[Message, InvalidEventError]] = []
        async with self._tools.turn:
            rows = [row async for row in self._rows(messages, refused)]
        for message, error in refused:
            await self._bury(message, error)
        return rows

    async def _learn(self, messages: Sequence[Message]) -> None:
        """Read one message of each schema: where a registry must be asked for it, no other partition waits for that."""
        for message in {(message.value or b"")[:_SCHEMA_BYTES]: message for message in messages}.values():
            with suppress(InvalidEventError):
                await self._read(message)

    async def _rows(
        self, messages: Sequence[Message], refused: list[tuple[Message, InvalidEventError]]
    ) -> AsyncIterator[LandedMessage]:
        for number, message in enumerate(messages):
            if number % _DECODE_SLICE == _DECODE_SLICE - 1:
                await asyncio.sleep(0)
            try:
                event = await self._read(message)
            except InvalidEventError as error:
                refused.append((message, error))
            else:
                yield LandedMessage(event, self._topic, message.partition, message.offset)

    async def _read(self, message: Message) -> Event:
        """Decode, and wait for as long as the registry that may know a new schema is away."""
        with suppress(UnknownSchemaError):
            return decode(self._topic, message.value, self._tools.registry)
        return await self._persist(lambda: read_event(self._topic, message.value, self._tools.registry))

    async def _bury(self, message: Message, error: InvalidEventError) -> None:
        self._tools.recorder.count(MESSAGES, stage=_STAGE, outcome="rejected")
        if self._topic not in self._tools.buried_elsewhere:
            await self._persist(
                lambda: self._tools.office.bury(message, stage=_STAGE, reason=error.reason, detail=str(error))
            )

    async def _persist(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a step until it succeeds, and return what it does; losing the partition and terminal errors come out."""
        failures = 0
        while True:
            try:
                return await step()
            except (CommitFailedError, IllegalStateError):
                raise
            except (RetryableError, KafkaError) as error:
                failures += 1
                wait_s = self._tools.retry.wait_s(failures)
                _log.warning("landing_retry", topic=self._topic, error=repr(error), wait_s=wait_s)
                await self._tools.clock.sleep(wait_s)

    def _measure(self, rows: int, seconds: float) -> None:
        recorder = self._tools.recorder
        recorder.count(MESSAGES, rows, stage=_STAGE, outcome="done")
        recorder.observe(BATCH_ROWS, rows, stage=_STAGE)
        recorder.observe(STAGE_SECONDS, seconds, stage=_STAGE)
