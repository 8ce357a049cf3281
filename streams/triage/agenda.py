"""When which incident is due, without looking at all of them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime

__all__ = ["Agenda"]


class Agenda:
    """One time per name. Setting it again replaces it."""

    def __init__(self) -> None:
        self._queue: list[tuple[datetime, str]] = []
        self._due: dict[str, datetime] = {}

    def put(self, name: str, due: datetime) -> None:
        self._due[name] = due
        heapq.heappush(self._queue, (due, name))

    def drop(self, name: str) -> None:
        self._due.pop(name, None)

    def pop_due(self, now: datetime) -> Iterator[str]:
        """Take out the names due by `now`, earliest first; those put while iterating count too."""
        while self._queue and self._queue[0][0] <= now:
            due, name = heapq.heappop(self._queue)
            if self._due.get(name) == due:
                del self._due[name]
                yield name
