"""Events out: encoded, keyed by the catalogue, with CloudEvents headers, acknowledged before the call returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.codec import encode
from schemas.envelope import Headers, headers_of
from schemas.errors import TerminalError, TocsinError, UnavailableError
from schemas.events import Event
from schemas.registry import SchemaRegistry
from schemas.tracing import NullTracing, Tracing
from streams.connecting import started
from streams.kafka import KafkaSettings, make_producer
from streams.spans import published

__all__ = ["EventProducer", "open_producer"]

_CHUNK = 2_000
_FLUSH_S = 6.0
_CURE = "Is the broker up, with enough replicas in sync? `tocsin doctor` tells."


class EventProducer:
    """The Publisher of every role. `open_producer` makes and closes it."""

    def __init__(
        self,
        client: AIOKafkaProducer,
        settings: KafkaSettings,
        *,
        source: str,
        registry: SchemaRegistry | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`client` is started, and stopped by `aclose`. `source` is this role's CloudEvents source, for example `/tocsin/stream`."""
        self._client = client
        self._settings = settings
        self._names = settings.names
        self._source = source
        self._registry = registry
        self._tracing = tracing or NullTracing()
        self._spent = False
        self._renewing = asyncio.Lock()

    async def aclose(self) -> None:
        """Deliver what is under way, for some seconds at most, and disconnect."""
        await _stop(self._client)

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        """Send one event and wait until every replica in sync has it.

        Raises:
            UnavailableError: the broker did not acknowledge in time; the event may be stored all the same.
            TerminalError: the broker refuses this message whenever it is sent (too large, no right to write).
        """
        await self.publish_all([event], traceparent=traceparent)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        """Send many and wait for all, at most 2,000 unacknowledged at a time. See Publisher; raises like `publish`."""
        given = [traceparent] * len(events) if isinstance(traceparent, str) else traceparent
        for start in range(0, len(events), _CHUNK):
            end = start + _CHUNK
            await self._publish_chunk(events[start:end], given[start:end])

    async def send_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers | None = None
    ) -> None:
        """Send bytes as they are to the topic with this bare name: to retry dead letters. Raises like `publish`."""
        await self._settle([await self._enqueue(topic, key, value, headers or [])])

    async def _publish_chunk(self, events: Sequence[Event], given: Sequence[str]) -> None:
        with published(self._tracing, events, given) as traceparents:
            pairs = zip(events, traceparents, strict=True)
            await self._settle([await self._send(event, one) for event, one in pairs])

    async def _send(self, event: Event, traceparent: str) -> asyncio.Future[object]:
        headers = headers_of(event, source=self._source, traceparent=traceparent, registry=self._registry)
        return await self._enqueue(event.TOPIC, event.key.encode(), encode(event, self._registry), headers)

    async def _enqueue(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers
    ) -> asyncio.Future[object]:
        name = self._names.on_broker(topic)
        client = await self._renewed() if self._spent else self._client
        try:
            future: asyncio.Future[object] = await client.send(name, value=value, key=key, headers=headers)
        except KafkaError as error:
            raise self._failed(error) from error
        return future

    async def _settle(self, futures: Sequence[asyncio.Future[object]]) -> None:
        _, late = await asyncio.wait(futures, timeout=self._settings.delivery_timeout_ms / 1000)
        for future in futures:
            if future in late:
                raise UnavailableError(
                    f"not acknowledged within {self._settings.delivery_timeout_ms / 1000:g} s", cure=_CURE
                )
            error = future.exception()
            if isinstance(error, KafkaError):
                raise self._failed(error) from error
            if error is not None:
                raise error

    def _failed(self, error: KafkaError) -> TocsinError:
        self._spent = self._settings.idempotent
        return _translated(error)

    async def _renewed(self) -> AIOKafkaProducer:
        """Return a client with a new producer id in the place of one that has failed to send something.

        The sequence numbers of what was not sent are spent: the broker refuses everything that follows on its partition.
        """
        async with self._renewing:
            if self._spent:
                # What is under way goes first: order is kept.
                await _stop(self._client)
                self._client = await _connected(self._settings)
                self._spent = False
        return self._client


@asynccontextmanager
async def open_producer(
    settings: KafkaSettings,
    *,
    source: str,
    registry: SchemaRegistry | None = None,
    tracing: Tracing | None = None,
) -> AsyncIterator[EventProducer]:
    """Connect, and flush and close at the end.

    Raises:
        ConfigurationError: the broker does not take these settings: a password, a certificate, a protocol.
        UnavailableError: no broker answers.
    """
    client = await _connected(settings)
    producer = EventProducer(client, settings, source=source, registry=registry, tracing=tracing)
    try:
        yield producer
    finally:
        await producer.aclose()


async def _connected(settings: KafkaSettings) -> AIOKafkaProducer:
    client = make_producer(settings)
    try:
        await started(client, settings)
    except BaseException:
        await _stop(client)
        raise
    return client


async def _stop(client: AIOKafkaProducer) -> None:
    """An idempotent client flushes for as long as the broker is away; here it is given up after a while."""
    with suppress(TimeoutError):
        await asyncio.wait_for(client.stop(), _FLUSH_S)


def _translated(error: KafkaError) -> TocsinError:
    """Time-outs and lost connections may pass; a refusal of the message itself will not."""
    permanent = type(error).__name__ in {
        "MessageSizeTooLargeError",
        "RecordListTooLargeError",
        "TopicAuthorizationFailedError",
        "InvalidTopicError",
        "UnsupportedVersionError",
    }
    return TerminalError(repr(error)) if permanent else UnavailableError(repr(error), cure=_CURE)
