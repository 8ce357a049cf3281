"""A Faust table for state that triage keeps: written by partition, durable before the batch is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import faust
from faust.types import TP, EventT

from schemas.errors import IntegrityError, UnavailableError

__all__ = ["StateTable"]

_SETTLE_S = 60.0


class StateTable(faust.Table[bytes, bytes]):
    """Keys and values are bytes, kept in memory and in a changelog topic with the partitions of the source.

    Faust asks the current event for the partition of a write, and inside `noack_take` there is none: here whoever
    writes says it. Faust also commits offsets before the changelog is known to be stored, and sends it message by
    message through a buffer: here `settle` sends all that was written and waits for it.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._unsettled: list[tuple[int, bytes, bytes | None]] = []
        self._partition_of: dict[bytes, int] = {}
        self.active: frozenset[int] = frozenset()

    def read(self, key: bytes) -> bytes | None:
        """The value as last written; does not block."""
        value: bytes | None = self.data.get(key)
        return value

    def write(self, partition: int, changes: Mapping[bytes, bytes | None]) -> None:
        """Set the keys, in order, or delete those with None; stored once `settle` has returned."""
        for key, value in changes.items():
            if value is not None:
                self.data[key] = value
                self._partition_of[key] = partition
            elif self._partition_of.pop(key, None) is not None:
                self.data.pop(key, None)
            else:
                continue
            self._unsettled.append((partition, key, value))

    async def settle(self) -> None:
        """Send every change written so far and wait until the broker has them.

        Raises:
            UnavailableError: not acknowledged within a minute.
            KafkaError: the broker refuses one.
        """
        changes, self._unsettled = self._unsettled, []
        if not changes:
            return
        producer, topic = self.app.producer, self.changelog_topic.get_topic_name()
        try:
            async with asyncio.timeout(_SETTLE_S):
                sent = [
                    await producer.send(topic, key, value, partition, timestamp=None, headers=None)
                    for partition, key, value in changes
                ]
                await asyncio.gather(*sent)
        except TimeoutError as error:
            raise UnavailableError(f"the changelog of {self.name} is not acknowledged") from error

    def entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, key and value of everything in the partitions that this worker owns."""
        for key, partition in list(self._partition_of.items()):
            value = self.read(key)
            if value is not None:
                yield partition, key, value

    def partition_for_key(self, key: bytes) -> int:
        """Faust asks for it where a table is written like a dict."""
        raise IntegrityError(f"{self.name} is written outside of write(): {key!r}")

    def apply_changelog_batch(self, batch: Iterable[EventT[Any]]) -> None:
        """Take over what the changelog says; the last word on a key decides whose it is."""
        events = list(batch)
        super().apply_changelog_batch(events)
        for event in events:
            key = event.key
            assert isinstance(key, bytes)
            if event.message.value is None:
                self._partition_of.pop(key, None)
            else:
                self._partition_of[key] = event.message.partition

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Forget the partitions that went to another worker: they are read again when they come back."""
        self.active = frozenset(tp.partition for tp in active_tps)
        for key in [key for key, owner in self._partition_of.items() if owner not in self.active]:
            del self._partition_of[key]
            self.data.pop(key, None)
        await super().on_recovery_completed(active_tps, standby_tps)
