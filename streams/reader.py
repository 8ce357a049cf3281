"""Reads a topic without a group, from a point in the past to where it ends now, or on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import InvalidEventError, NotFoundError, UnavailableError
from schemas.events import Event
from schemas.registry import SchemaRegistry
from schemas.registry_reading import read_event
from streams.admin import count_partitions
from streams.connecting import started
from streams.ends import readable_end
from streams.kafka import KafkaSettings, make_admin, make_consumer
from streams.messages import Message

__all__ = ["ReadEvent", "TopicReader", "Undecodable", "open_reader"]

_POLL_MS = 200


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """A message and the event in it."""

    message: Message
    event: Event


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that holds no event, and why."""

    message: Message
    error: InvalidEventError


class TopicReader:
    """Reads one set of topics once; `open_reader` makes and closes it. Order is kept within a partition."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        client: AIOKafkaAdminClient,
        settings: KafkaSettings,
        registry: SchemaRegistry | None,
    ) -> None:
        self._consumer = consumer
        self._client = client
        self._names = settings.names
        self._registry = registry

    async def messages(
        self, topics: Collection[str], *, since: datetime | None = None, follow: bool = False
    ) -> AsyncIterator[Message]:
        """Yield the messages of these topics (bare names).

        Args:
            topics: bare names.
            since: where to begin: the first message of each partition stamped at or after it; None is the beginning.
            follow: whether to go on for ever instead of ending where the topics ended when reading began.

        Raises:
            NotFoundError: a topic does not exist.
            UnavailableError: the broker does not answer.
        """
        try:
            places = await self._places(topics)
            self._consumer.assign(list(places))
            await self._seek(places, since)
            async for message in self._read(places, follow=follow):
                if since is None or message.at >= _whole_ms(since):
                    yield message
        except KafkaError as error:
            raise UnavailableError(repr(error)) from error

    async def _read(self, places: Collection[TopicPartition], *, follow: bool) -> AsyncIterator[Message]:
        ends: dict[TopicPartition, int] = {}
        while follow or len(ends) < len(places) or await self._behind(ends):
            polled = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for place in places:
                end = readable_end(self._consumer, place)
                if end is not None:
                    ends.setdefault(place, end)
            for place, records in polled.items():
                for record in records:
                    if follow or record.offset < ends[place]:
                        yield Message.of(record)

    async def events(
        self, topics: Collection[str], *, since: datetime | None = None, follow: bool = False
    ) -> AsyncIterator[ReadEvent | Undecodable]:
        """Yield the same decoded. Raises like `messages`; UnavailableError also where the registry that may know a schema does not answer."""
        async for message in self.messages(topics, since=since, follow=follow):
            try:
                event = await read_event(self._names.bare(message.topic), message.value, self._registry)
            except InvalidEventError as error:
                yield Undecodable(message, error)
            else:
                yield ReadEvent(message, event)

    async def _places(self, topics: Collection[str]) -> tuple[TopicPartition, ...]:
        names = [self._names.on_broker(topic) for topic in topics]
        counts = await count_partitions(self._client, names)
        for name in names:
            if name not in counts:
                raise NotFoundError(
                    f"no topic {name}", cure="Create the topics with `tocsin topics --create`."
                )
        return tuple(TopicPartition(name, number) for name in names for number in range(counts[name]))

    async def _seek(self, places: Collection[TopicPartition], since: datetime | None) -> None:
        if since is None:
            await self._consumer.seek_to_beginning(*places)
            return
        at_ms = int(since.timestamp() * 1000)
        # The end first: what comes between the two questions is then read, not skipped.
        ends = await self._consumer.end_offsets(list(places))
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, at_ms))
        for place in places:
            offset = found.get(place)
            if offset is None or offset.timestamp < 0:
                self._consumer.seek(place, ends[place])
            else:
                self._consumer.seek(place, offset.offset)

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> bool:
        positions = await asyncio.gather(*(self._consumer.position(place) for place in ends))
        return any(position < end for position, end in zip(positions, ends.values(), strict=True))


def _whole_ms(at: datetime) -> datetime:
    """Record timestamps are cut to milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@asynccontextmanager
async def open_reader(
    settings: KafkaSettings, registry: SchemaRegistry | None = None
) -> AsyncIterator[TopicReader]:
    """Connect, and close at the end. Raises like `started`: ConfigurationError, UnavailableError."""
    consumer, client = make_consumer(settings, None), make_admin(settings)
    try:
        await started(consumer, settings)
        await started(client, settings)
        yield TopicReader(consumer, client, settings, registry)
    finally:
        await consumer.stop()
        await client.close()
