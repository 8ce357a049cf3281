"""State after an assignment: the partition's recent past is read again, in silence, up to the committed offset."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.kafka import KafkaSettings, make_consumer
from streams.messages import Message, Partition

__all__ = ["reread"]

_FIRST_MS = 1_000
_POLL_MS = 500
_SLICE = 50


async def reread(  # noqa: PLR0913 - one argument per fact
    settings: KafkaSettings,
    place: Partition,
    committed: int,
    *,
    now: datetime,
    window: timedelta,
    take: Callable[[Message], Awaitable[None]],
) -> None:
    """Give `take` every message of the partition in the `window` before the committed offset, in order.

    The window ends at the time of the first message that is not committed, at `now` where there is none, so that a
    worker that was away for long still finds what came before. Lets others run; ends when the committed offset is
    reached.

    Raises:
        KafkaError: the broker failed; `take` may have had a part. And what `take` raises.
    """
    consumer = make_consumer(settings, None)
    here = TopicPartition(*place)
    try:
        await consumer.start()
        consumer.assign([here])
        since = await _since(consumer, here, committed, now, window)
        consumer.seek(here, await _start(consumer, here, committed, since))
        begun = False
        while await consumer.position(here) < committed:
            polled = await consumer.getmany(here, timeout_ms=_POLL_MS)
            for number, record in enumerate(polled.get(here, ())):
                message = Message.of(record)
                begun = begun or message.at >= since
                if begun and message.offset < committed:
                    await take(message)
                if number % _SLICE == _SLICE - 1:
                    await asyncio.sleep(0)
    finally:
        await consumer.stop()


async def _since(
    consumer: AIOKafkaConsumer, here: TopicPartition, committed: int, now: datetime, window: timedelta
) -> datetime:
    consumer.seek(here, committed)
    polled = await consumer.getmany(here, timeout_ms=_FIRST_MS, max_records=1)
    first = next(iter(polled.get(here, ())), None)
    return (now if first is None else Message.of(first).at) - window


async def _start(consumer: AIOKafkaConsumer, here: TopicPartition, committed: int, since: datetime) -> int:
    """The offset to read from; brokers differ in what they say of a time after their last record."""
    found = (await consumer.offsets_for_times({here: int(since.timestamp() * 1000)})).get(here)
    return committed if found is None or found.offset < 0 else min(int(found.offset), committed)
