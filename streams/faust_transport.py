"""Faust's aiokafka transport, mended in four places (docs/adr/0009, 0011).

A fetch: Faust asks the broker to wait 1.5 s for data. Kafka answers as soon as there is some; Tansu waits half of it.

A rebalance: Faust resumes the source partitions before it has gone back to the committed offsets, and clears the agents'
queues after that. What it delivers between the two is thrown away and yet counted as read: a partition stands still, or
messages are skipped and committed over. So here source partitions are closed from a rebalance until everything is
resumed, and then sought back once more. As a last guard a partition is read on only from where it was: a gap is
read again once, and believed the second time.

And the cost of a message: Faust takes each through a dozen coroutines of its own. Here what was fetched of one source
partition goes through them as one `Bundle`.

And a restoration: Faust restores tables up to where the broker says that their changelogs end, and Tansu says too little.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import faust
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message
from faust.types.transports import ConsumerT
from faust.types.tuples import ConsumerMessage
from yarl import URL

from schemas.errors import UnavailableError
from streams.connecting import started
from streams.ends import ends_of
from streams.kafka import KafkaSettings, make_consumer

__all__ = ["Bundle", "ContiguousReading", "PromptTransport", "SourceGate", "lag_by_topic"]

_log = structlog.get_logger(__name__)

_ENDS_S = 30.0


class Bundle(ConsumerMessage):
    """Messages of one partition that follow one another, as one for Faust; acknowledging it acknowledges them all."""

    __slots__ = ("messages",)

    def __init__(self, messages: Sequence[Message]) -> None:
        last = messages[-1]
        super().__init__(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp,
            last.timestamp_type,
            None,
            None,
            None,
            None,
            tp=last.tp,
            generation_id=last.generation_id,
        )
        self.messages = tuple(messages)


class ContiguousReading:
    """Where each partition is to be read on, and which gaps have been looked at twice."""

    def __init__(self) -> None:
        self._next: dict[TP, int] = {}
        self._confirmed: dict[TP, int] = {}

    def restart(self, offsets: dict[TP, int]) -> None:
        """Read on from these offsets; of other partitions nothing is known."""
        self._next = dict(offsets)
        self._confirmed = {}

    def gap_before(self, tp: TP, offset: int) -> int | None:
        """The offset to go back to, when the record at `offset` does not follow; None when it may be delivered."""
        wanted = self._next.get(tp, offset)
        if offset > wanted and self._confirmed.get(tp) != wanted:
            self._confirmed[tp] = wanted
            return wanted
        self._next[tp] = offset + 1
        return None


class SourceGate:
    """Closed from a rebalance until the flow is resumed after the seek; opens with the offsets to read on from."""

    def __init__(self) -> None:
        self.is_open = False
        self._sought: dict[TP, int] | None = None
        self._resumed = False

    def close(self) -> None:
        """Deliver nothing from now on; a seek must come first."""
        self.is_open, self._sought, self._resumed = False, None, False

    def sought(self, offsets: dict[TP, int]) -> None:
        """The partitions and the offsets to read them on from, once the flow is resumed."""
        self.is_open, self._sought, self._resumed = False, offsets, False

    def resume(self) -> None:
        """The flow is resumed: open at the next fetch, if a seek has been made. Without one it runs for changelogs only."""
        self._resumed = self._sought is not None

    def open(self) -> dict[TP, int]:
        """Open if it may be; then, once, the offsets to go back to."""
        if not self._resumed or self._sought is None:
            return {}
        offsets, self._sought, self._resumed = self._sought, None, False
        self.is_open = True
        return offsets


class _PromptThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Transport) -> Any:
        assert isinstance(transport, PromptTransport)
        consumer = super()._create_worker_consumer(transport)
        # Faust offers settings for neither.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001
        consumer._isolation_level = transport.isolation_level  # noqa: SLF001
        return consumer

    async def _highwaters(self, partitions: Sequence[TP]) -> Mapping[TP, int]:
        """Where changelogs end, up to which tables are restored."""
        transport = self.consumer.transport
        assert isinstance(transport, PromptTransport)
        return await transport.ends(partitions)


class _Consumer(Consumer):
    def __init__(self, *args: Any, **options: Any) -> None:
        self._reading = ContiguousReading()
        self._gate = SourceGate()
        self._begun: dict[TP, int] = {}
        super().__init__(*args, **options)
        assert isinstance(self.transport, PromptTransport)
        self._bundle_size = self.transport.bundle_size

    def _new_consumer_thread(self) -> _PromptThread:
        return _PromptThread(self, loop=self.loop, beacon=self.beacon)

    def stop_flow(self) -> None:
        """Faust's word for a rebalance that begins, or the end."""
        self._gate.close()
        super().stop_flow()

    def resume_flow(self) -> None:
        """Faust's word for changelogs that may be read, and at last for sources too."""
        super().resume_flow()
        self._gate.resume()

    async def perform_seek(self) -> None:
        """Go back to the committed offsets, or to the beginning where there are none."""
        self._gate.close()
        await super().perform_seek()
        self._begun = await self._read_on_from()
        self._gate.sought(self._begun)

    def lag_by_topic(self) -> dict[str, int]:
        """Messages of this worker's partitions that are written and not committed yet, by the topic's name on the broker."""
        lags: dict[str, int] = {}
        ours = self.assignment()
        for tp, begun in self._begun.items():
            if tp not in ours:
                continue
            done = max(begun, self._committed_offset.get(tp) or 0)
            lags[tp.topic] = lags.get(tp.topic, 0) + max(0, (self.highwater(tp) or 0) - done)
        return lags

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """After a failure nothing is committed any more: what was finished meanwhile comes again, which ids make invisible."""
        return self.app.crash_reason is None and await super()._commit(offsets)

    async def _read_on_from(self) -> dict[TP, int]:
        sources = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        committed = {tp: self._committed_offset.get(tp) for tp in sources}
        fresh = {tp for tp, offset in committed.items() if offset is None}
        beginnings = await self.earliest_offsets(*fresh) if fresh else {}
        return {tp: offset for tp, offset in {**committed, **beginnings}.items() if offset is not None}

    async def _go_to(self, offsets: dict[TP, int]) -> None:
        """Read these partitions on from these offsets; in the consumer's thread, where aiokafka expects it."""
        for tp, offset in offsets.items():
            with suppress(IllegalStateError):  # revoked meanwhile: somebody else reads it on
                await self._thread.seek_wait({tp: offset})
                self._read_offset[tp] = offset or None

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's name
        """Fetch a batch of messages, without those that do not follow what was delivered before."""
        if offsets := self._gate.open():
            self._reading.restart(offsets)
            await self._go_to(offsets)
        put_back: set[TP] = set()
        bundled: dict[TP, list[Message]] = {}
        async for tp, message in super().getmany(timeout):
            if self._is_changelog_tp(tp):
                yield tp, message
            elif self._gate.is_open and tp not in put_back:
                wanted = self._reading.gap_before(tp, message.offset)
                if wanted is not None:
                    put_back.add(tp)
                    if tp in bundled:  # before Faust believes that it has read further
                        yield tp, Bundle(bundled.pop(tp))
                    await self._read_again(tp, wanted, message.offset)
                    continue
                bundled.setdefault(tp, []).append(message)
                if len(bundled[tp]) >= self._bundle_size:
                    yield tp, Bundle(bundled.pop(tp))
        for tp, messages in bundled.items():
            if self._gate.is_open:  # else a rebalance has begun, and they are read again after it
                yield tp, Bundle(messages)

    def _new_offset(self, tp: TP) -> int | None:
        """The offset to commit. Bundles are acknowledged in order: what the newest one ends with, all before is done."""
        acked = self._acked[tp]
        if not acked:
            return None
        newest: int = max(acked)
        acked.clear()
        self._acked_index[tp].clear()
        return newest + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust's list of offsets that no message has, from which it would tell what is done; not asked here."""

    async def _read_again(self, tp: TP, wanted: int, got: int) -> None:
        _log.warning("gap_read_again", topic=tp.topic, partition=tp.partition, wanted=wanted, got=got)
        await self._go_to({tp: wanted})


class PromptTransport(Transport):
    """To be set as `app.transport` before the app starts.

    Args:
        brokers: where they are.
        app: the app that it is set on.
        kafka: how to reach them; where the broker knows transactions, records of those aborted or open stay unread.
        fetch_wait_ms: how long the broker may hold a fetch.
        bundle_size: how many messages at most Faust is given as one.
    """

    Consumer: ClassVar[type[ConsumerT]] = _Consumer

    def __init__(
        self,
        brokers: Sequence[URL],
        app: faust.App,
        *,
        kafka: KafkaSettings,
        fetch_wait_ms: int,
        bundle_size: int,
    ) -> None:
        super().__init__(list(brokers), app)
        self.fetch_wait_ms = fetch_wait_ms
        self.bundle_size = bundle_size
        self.isolation_level = "read_committed" if kafka.idempotent else "read_uncommitted"
        self._kafka = kafka

    async def ends(self, partitions: Collection[TP]) -> Mapping[TP, int]:
        """The offsets that these partitions end with. Faust asks the usual way, which is wrong on Tansu (see `streams.ends`).

        Raises:
            UnavailableError: the broker does not answer.
        """
        consumer = make_consumer(self._kafka, None)
        try:
            await started(consumer, self._kafka)
            ends = await ends_of(consumer, [TopicPartition(*tp) for tp in partitions], _ENDS_S)
        except TimeoutError as error:
            raise UnavailableError("the broker does not say where the changelogs end") from error
        finally:
            await consumer.stop()
        return {TP(*place): end for place, end in ends.items()}


def lag_by_topic(app: faust.App) -> dict[str, int]:
    """What the app's consumer has before it, by the topic's name on the broker; empty before its first assignment."""
    consumer = app.consumer
    assert isinstance(consumer, _Consumer), "the app has no PromptTransport"
    return consumer.lag_by_topic()
