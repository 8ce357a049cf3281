"""Forgetting by event time: what nobody has mentioned for long enough, found without scanning."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Expiry"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Expiry:
    """Keys by when they were last seen, per partition. Time is the latest that the partition has seen."""

    def __init__(self, after_s: float) -> None:
        self._after = timedelta(seconds=after_s)
        self._queues: dict[int, list[tuple[datetime, bytes]]] = defaultdict(list)
        self._queued: set[bytes] = set()
        self._latest: dict[int, datetime] = {}

    @property
    def refresh_after(self) -> timedelta:
        """How much older a remembered sighting may be than the true one, so that repeats cost no write."""
        return self._after / 8

    def note(self, partition: int, key: bytes, seen_at: datetime) -> None:
        """The key was mentioned at `seen_at`."""
        self._latest[partition] = max(self._latest.get(partition, seen_at), seen_at)
        if key not in self._queued:
            self._queued.add(key)
            heapq.heappush(self._queues[partition], (seen_at, key))

    def due(self, partition: int, seen_at_of: Callable[[bytes], datetime | None]) -> list[bytes]:
        """Take out and return the keys to forget; `seen_at_of` tells the current sighting, None when already gone."""
        queue, limit = self._queues[partition], self._limit(partition)
        expired: list[bytes] = []
        while queue and queue[0][0] < limit:
            _, key = heapq.heappop(queue)
            seen_at = seen_at_of(key)
            if seen_at is not None and seen_at >= limit:
                heapq.heappush(queue, (seen_at, key))
                continue
            self._queued.discard(key)
            if seen_at is not None:
                expired.append(key)
        return expired

    def _limit(self, partition: int) -> datetime:
        latest = self._latest.get(partition)
        return latest - self._after if latest else _EPOCH
