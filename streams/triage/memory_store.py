"""State in memory only: for replaying a policy over the past, and for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["MemoryStore"]


class MemoryStore:
    """The StateStore that forgets everything at the end."""

    def __init__(self) -> None:
        self._values: dict[bytes, tuple[int, bytes]] = {}

    def read(self, key: bytes) -> bytes | None:
        found = self._values.get(key)
        return None if found is None else found[1]

    def write(self, partition: int, changes: Mapping[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = (partition, value)

    async def settle(self) -> None:
        """Nothing to wait for."""

    def entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        for key, (partition, value) in list(self._values.items()):
            yield partition, key, value
