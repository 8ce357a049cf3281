"""Events out: encoded, keyed by the catalogue, with CloudEvents headers, acknowledged before the call returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.codec import encode
from schemas.envelope import Headers, headers_of
from schemas.errors import TerminalError, TocsinError, UnavailableError
from schemas.events import Event
from schemas.registry import SchemaRegistry
from streams.kafka import KafkaSettings, make_producer

__all__ = ["EventProducer", "open_producer"]

_CHUNK = 2_000


class EventProducer:
    """The Publisher of every role. `open_producer` makes and closes it."""

    def __init__(
        self,
        client: AIOKafkaProducer,
        settings: KafkaSettings,
        *,
        source: str,
        registry: SchemaRegistry | None = None,
    ) -> None:
        """`source` is this role's CloudEvents source, for example `/tocsin/stream`."""
        self._client = client
        self._names = settings.names
        self._source = source
        self._registry = registry

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        """Send one event and wait until every replica in sync has it.

        Raises:
            UnavailableError: the broker did not acknowledge in time; the event may be stored all the same.
            TerminalError: the broker refuses this message whenever it is sent (too large, no right to write).
        """
        await self._settle([await self._send(event, traceparent)])

    async def publish_all(self, events: Sequence[Event], *, traceparent: str = "") -> None:
        """Send many and wait for all, at most 2,000 unacknowledged at a time. Raises like `publish`."""
        for start in range(0, len(events), _CHUNK):
            chunk = events[start : start + _CHUNK]
            await self._settle([await self._send(event, traceparent) for event in chunk])

    async def send_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """Send bytes as they are to the topic with this bare name: to retry dead letters. Raises like `publish`."""
        await self._settle([await self._enqueue(topic, key, value, headers or [])])

    async def _send(self, event: Event, traceparent: str) -> asyncio.Future[object]:
        headers = headers_of(event, source=self._source, traceparent=traceparent, registry=self._registry)
        return await self._enqueue(event.TOPIC, event.key.encode(), encode(event, self._registry), headers)

    async def _enqueue(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> asyncio.Future[object]:
        name = self._names.on_broker(topic)
        try:
            future: asyncio.Future[object] = await self._client.send(
                name, value=value, key=key, headers=headers
            )
        except KafkaError as error:
            raise _translated(error) from error
        return future

    async def _settle(self, futures: Sequence[asyncio.Future[object]]) -> None:
        results = await asyncio.gather(*futures, return_exceptions=True)
        for result in results:
            if isinstance(result, KafkaError):
                raise _translated(result) from result
            if isinstance(result, BaseException):
                raise result


@asynccontextmanager
async def open_producer(
    settings: KafkaSettings, *, source: str, registry: SchemaRegistry | None = None
) -> AsyncIterator[EventProducer]:
    """Connect, and flush and close at the end. Raises UnavailableError when no broker answers."""
    client = make_producer(settings)
    try:
        await client.start()
    except KafkaError as error:
        await client.stop()
        raise _translated(error) from error
    try:
        yield EventProducer(client, settings, source=source, registry=registry)
    finally:
        await client.stop()


def _translated(error: KafkaError) -> TocsinError:
    """Time-outs and lost connections may pass; a refusal of the message itself will not."""
    permanent = type(error).__name__ in {
        "MessageSizeTooLargeError",
        "TopicAuthorizationFailedError",
        "InvalidTopicError",
        "UnsupportedVersionError",
    }
    return TerminalError(repr(error)) if permanent else UnavailableError(repr(error))
