"""How far the tables have landed, looked at once for all answers that are kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from schemas.errors import TocsinError

__all__ = ["LandedMarks", "Seen", "depends_on"]

_INVESTIGATIONS: Final = ("investigation_requests", "investigation_status", "reports")
_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "incidents": ("incidents", *_INVESTIGATIONS),
    "investigations": _INVESTIGATIONS,
    "evidence": ("evidence",),
    "reports": ("reports", "evidence"),
    "alarms": ("alarms", "alarm_decisions"),
    "costs": ("costs",),
}
"""By the first part of the path: what its answers are made of. Configuration is not there: who has changed it wants to see it."""
_LISTS: Final = {"incidents": ("incidents",), "reports": ("reports",)}
"""Where a list is made of less than one of its things."""
_PATH: Final = re.compile(rf"/v1/({'|'.join(_TABLES)})(/[^/]+)?")


def depends_on(path: str) -> tuple[str, ...] | None:
    """Return the tables that answers of GET at this path are made of, None for answers that are not kept."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    return _TABLES[found[1]] if found[2] else _LISTS.get(found[1], _TABLES[found[1]])


class Tables(Protocol):
    async def marks(self) -> Mapping[str, int]:
        """See api.read_ports.Tables."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The marks of an answer's tables, and when they were looked at, in monotonic seconds."""

    at: float
    marks: tuple[int, ...]


class LandedMarks:
    """Looks at the tables at most every `keep_s`, and never twice at once."""

    def __init__(self, tables: Tables, monotonic: Callable[[], float], keep_s: float) -> None:
        self._tables = tables
        self._monotonic = monotonic
        self._keep_s = keep_s
        self._seen: tuple[float, Mapping[str, int]] | None = None
        self._looking: asyncio.Task[None] | None = None

    async def now(self, path: str) -> Seen | None:
        """Return the marks of the path's tables, at most twice `keep_s` old; None where they cannot be had.

        While they are looked at, those from before are returned at once as long as they are not older than that.
        """
        if self._age() >= self._keep_s:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            if self._age() >= 2 * self._keep_s:
                await asyncio.shield(self._looking)
        if self._seen is None:
            return None
        at, marks = self._seen
        return Seen(at, tuple(marks.get(table, 0) for table in depends_on(path) or ()))

    def _age(self) -> float:
        return self._monotonic() - self._seen[0] if self._seen is not None else float("inf")

    async def _look(self) -> None:
        at = self._monotonic()
        try:
            self._seen = (at, await self._tables.marks())
        except TocsinError:
            self._seen = None
        finally:
            self._looking = None
