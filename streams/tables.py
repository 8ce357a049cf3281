"""A Faust table for state that triage keeps: written by partition, durable before the batch is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import faust
from faust.types import TP, EventT, FutureMessage

from schemas.errors import IntegrityError, UnavailableError

__all__ = ["StateTable"]

_SETTLE_S = 60.0
_BUFFER = 100_000
"""Faust slows its streams down at 100 changes not yet sent; here a batch waits for all of its own anyway."""


class StateTable(faust.Table[bytes, bytes]):
    """Keys and values are bytes, kept in memory and in a changelog topic with the partitions of the source.

    Faust asks the current event for the partition of a write, and inside `noack_take` there is none: here whoever
    writes says it. Faust also commits offsets before the changelog is known to be stored: here `settle` waits for it.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._writing_to: int | None = None
        self._unsettled: list[FutureMessage] = []
        self._partition_of: dict[bytes, int] = {}
        self.active: frozenset[int] = frozenset()

    async def on_start(self) -> None:
        self.app.producer.buffer.max_messages = _BUFFER
        await super().on_start()

    def read(self, key: bytes) -> bytes | None:
        """The value as last written; does not block."""
        value: bytes | None = self.data.get(key)
        return value

    def write(self, partition: int, changes: Mapping[bytes, bytes | None]) -> None:
        """Set the keys, in order, or delete those with None; stored once `settle` has returned."""
        self._writing_to = partition
        try:
            for key, value in changes.items():
                self._put(partition, key, value)
        finally:
            self._writing_to = None

    async def settle(self) -> None:
        """Wait until the broker has every change written so far.

        Raises:
            UnavailableError: not acknowledged within a minute.
        """
        waiting, self._unsettled = self._unsettled, []
        if not waiting:
            return
        try:
            await asyncio.wait_for(asyncio.gather(*waiting), _SETTLE_S)
        except TimeoutError as error:
            raise UnavailableError(f"the changelog of {self.name} is not acknowledged") from error

    def entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, key and value of everything in the partitions that this worker owns."""
        for key, partition in list(self._partition_of.items()):
            value = self.read(key)
            if value is not None:
                yield partition, key, value

    def partition_for_key(self, key: bytes) -> int:
        if self._writing_to is None:
            raise IntegrityError(f"{self.name} is written outside of write(): {key!r}")
        return self._writing_to

    def send_changelog(self, *args: Any, **options: Any) -> FutureMessage:
        sent = super().send_changelog(*args, **options)
        self._unsettled.append(sent)
        return sent

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

    def _put(self, partition: int, key: bytes, value: bytes | None) -> None:
        if value is not None:
            self[key] = value
            self._partition_of[key] = partition
        elif key in self._partition_of:
            del self[key]
            del self._partition_of[key]
