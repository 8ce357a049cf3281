"""Faust's aiokafka transport, mended in two places.

A fetch: Faust asks the broker to wait 1.5 s for data. Kafka answers as soon as there is some; Tansu waits half of it.

A rebalance: records that were fetched before it may be delivered after Faust has gone back to the committed
offsets, and everything between the two is then dropped as already read. Seen after a kill -9, when the dead worker's
session ends while the next one is at work: twenty messages skipped, and one of each partition committed over.
So here a partition is read on only from where it was; a gap is read again once, and believed the second time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import faust
import structlog
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP, Message
from faust.types.transports import ConsumerT
from yarl import URL

__all__ = ["ContiguousReading", "PromptTransport"]

_log = structlog.get_logger(__name__)


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


class _PromptThread(AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Transport) -> Any:
        assert isinstance(transport, PromptTransport)
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - Faust offers no setting for it
        return consumer


class _Consumer(Consumer):
    def __init__(self, *args: Any, **options: Any) -> None:
        self._reading = ContiguousReading()
        super().__init__(*args, **options)

    def _new_consumer_thread(self) -> _PromptThread:
        return _PromptThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Go back to the committed offsets, or to the beginning where there are none."""
        await super().perform_seek()
        sources = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        committed = {tp: self._committed_offset.get(tp) for tp in sources}
        fresh = {tp for tp, offset in committed.items() if offset is None}
        beginnings = await self.earliest_offsets(*fresh) if fresh else {}
        known = {tp: offset for tp, offset in {**committed, **beginnings}.items() if offset is not None}
        self._reading.restart(known)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's name
        """Fetch a batch of messages, without those that do not follow what was delivered before."""
        put_back: set[TP] = set()
        async for tp, message in super().getmany(timeout):
            if tp in put_back:
                continue
            wanted = None if self._is_changelog_tp(tp) else self._reading.gap_before(tp, message.offset)
            if wanted is None:
                yield tp, message
                continue
            put_back.add(tp)
            _log.warning(
                "gap_read_again", topic=tp.topic, partition=tp.partition, wanted=wanted, got=message.offset
            )
            await self.seek(tp, wanted)


class PromptTransport(Transport):
    """To be set as `app.transport` before the app starts; the broker holds a fetch for `fetch_wait_ms` at most."""

    Consumer: ClassVar[type[ConsumerT]] = _Consumer

    def __init__(self, brokers: Sequence[URL], app: faust.App, *, fetch_wait_ms: int) -> None:
        super().__init__(list(brokers), app)
        self.fetch_wait_ms = fetch_wait_ms
