"""The one way of reading a topic with Faust that loses nothing here: batches, acknowledged after their effects.

Faust acknowledges a message whose agent raised, and with `take` the whole batch; only `noack_take` leaves that to
us. Its offsets are right when acks come in order, so agents run with concurrency 1. After a failure Faust would
restart the agent with the *next* messages, and their acks would cover the failed ones: so a failure ends the
worker instead, and the batch comes again when the supervisor has restarted it.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import faust
import structlog

from schemas.metrics import BATCH_ROWS, MESSAGES, STAGE_SECONDS, Recorder
from streams.messages import Message

__all__ = ["MOST_BUNDLES", "BatchHandler", "Batches", "consume", "messages_of"]

_log = structlog.get_logger(__name__)

BatchHandler = Callable[[Sequence[Message]], Awaitable[None]]
"""Handles a batch whole: when it returns, everything the batch causes is durable. What it raises ends the worker."""


MOST_BUNDLES = 64
"""So many bundles are taken at once at most. Under little load a bundle is a message or two; a batch holds many of them."""


def messages_of(event: Any) -> list[Message]:
    """The messages of a Faust event, verbatim."""
    return [
        Message(
            topic=one.topic,
            partition=one.partition,
            offset=one.offset,
            key=one.key,
            value=one.value,
            headers=tuple(one.headers or ()),
            at=datetime.fromtimestamp(max(one.timestamp or 0.0, 0.0), UTC),
        )
        for one in event.message.messages
    ]


@dataclass(frozen=True, slots=True)
class Batches:
    """How a stage's messages are cut: at most `size` together, none waiting longer than `within_s` for others."""

    stage: str
    size: int
    within_s: float

    def cut(self, events: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """Events of bundles, together in batches of at most `size` messages; a bundle is never cut."""
        batch: list[Any] = []
        count = 0
        for event in events:
            length = len(event.message.messages)
            if batch and count + length > self.size:
                yield batch
                batch, count = [], 0
            batch.append(event)
            count += length
        if batch:
            yield batch


async def consume(
    app: faust.App, stream: Any, handle: BatchHandler, batches: Batches, recorder: Recorder
) -> None:
    """Hand the stream's messages to `handle`, batch by batch, for ever.

    The topic must be declared with raw keys and values and `allow_empty`, or Faust itself drops what it cannot read.
    """
    async for events in stream.noack_take(MOST_BUNDLES, within=batches.within_s):
        for bundles in batches.cut(events):
            # After a rebalance what is left in hand is read again, here or by another worker.
            current = [one for one in bundles if one.message.generation_id == app.consumer_generation_id]
            if current:
                await _handled(app, current, handle, batches.stage, recorder)


async def _handled(
    app: faust.App, bundles: Sequence[Any], handle: BatchHandler, stage: str, recorder: Recorder
) -> None:
    began = time.perf_counter()
    messages = [message for event in bundles for message in messages_of(event)]
    try:
        await handle(messages)
    except Exception as error:  # noqa: BLE001 - the edge: every failure ends the worker, none is acknowledged
        await _fail(app, stage, error)
    for event in bundles:
        event.ack()
    recorder.count(MESSAGES, len(messages), stage=stage, outcome="handled")
    recorder.observe(BATCH_ROWS, len(messages), stage=stage)
    recorder.observe(STAGE_SECONDS, time.perf_counter() - began, stage=stage)


async def _fail(app: faust.App, stage: str, error: Exception) -> None:
    """End the worker; never returns, so that nothing after the failure is acknowledged."""
    # As text: renderers that show local variables would print the whole app and every message of the batch.
    told = "".join(traceback.format_exception(error))
    _log.error("stage_failed", stage=stage, error=repr(error), traceback=told)
    await app.crash(error)
    await asyncio.Event().wait()
