"""Where partitions end, told by fetch responses.

Asking for the latest offset is the usual way, but Tansu answers with the first offset of the last batch plus one, and
only fetch responses have the true end there. They are right on every broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

__all__ = ["LandedUpTo", "ends_of", "readable_end"]

_LOOK_S = 0.02


def readable_end(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """The end as of the partition's last fetch response: the last stable offset for a consumer of committed messages.

    None before the first response since the partition was assigned, and for a partition that is not assigned.
    """
    if place not in consumer.assignment():
        return None
    end: int | None = consumer.highwater(place)
    stable: int | None = consumer.last_stable_offset(place)
    if end is None or stable is None or stable < 0:
        return end
    return min(end, stable)


async def ends_of(
    consumer: AIOKafkaConsumer, places: Collection[TopicPartition], timeout_s: float
) -> Mapping[TopicPartition, int]:
    """Return the ends of partitions as they are now. The consumer has no group and is used for nothing else meanwhile.

    Raises:
        TimeoutError: not every partition was answered for in `timeout_s` seconds.
    """
    consumer.assign(list(places))
    await consumer.seek_to_end(*places)
    async with asyncio.timeout(timeout_s):
        while True:
            ends = {place: readable_end(consumer, place) for place in places}
            known = {place: end for place, end in ends.items() if end is not None}
            if len(known) == len(ends):
                return known
            await asyncio.sleep(_LOOK_S)


class LandedUpTo:
    """Turns fetch responses and landed offsets into a time before which everything has landed. Pure.

    What was appended before a moment lies below the end that any later-sent fetch answers with. Fetches of a partition
    follow one another, so the second response after the moment belongs to one that was sent after it.
    """

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._at: datetime | None = None
        self._response: object = None
        self._responses = 0
        self._end: int | None = None

    def look(self, now: datetime, response: object, end: int | None) -> None:
        """Take the state of the partition.

        Args:
            now: the time of looking.
            response: changes with each fetch response.
            end: the end in that response, None before the first.
        """
        if self._at is None:
            self._at, self._response = now, response
        elif self._end is None and response != self._response:
            self._response = response
            self._responses += 1
            self._end = end if self._responses >= 2 else None

    def reached(self, landed: int) -> datetime | None:
        """Return the moment before which everything has landed, once, if everything below `landed` has; else None."""
        if self._end is None or landed < self._end:
            return None
        at = self._at
        self._begin()
        return at

    def behind(self, landed: int) -> int:
        """How many offsets are known to be still to land."""
        return 0 if self._end is None else max(0, self._end - landed)
