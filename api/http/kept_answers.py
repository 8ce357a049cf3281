"""Answers that are kept for a while, by all that they depend on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from schemas.access import Role

__all__ = ["Kept", "Question", "Shelf"]

_MOST_BYTES: Final = 64 << 20
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks, by tenant and roles of the principal, and what: all that an answer depends on."""

    tenant: str
    roles: frozenset[Role]
    path: str
    query: bytes
    accept: str


@dataclass(slots=True)
class Kept:
    """A whole answer with status 200. Times are monotonic seconds.

    `at` is when it was made; `marks` is how far its tables had landed before it was; `checked_at` is when they were last
    seen to be so. `route` is what the edge measures it as.
    """

    at: float
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: str
    route: object
    marks: tuple[int, ...]
    checked_at: float


class Shelf:
    """Answers by question, at most `most`, and so many bytes of them; the longest unused go first."""

    def __init__(self, most: int = _MOST, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: OrderedDict[Question, Kept] = OrderedDict()
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0

    def get(self, question: Question) -> Kept | None:
        kept = self._kept.get(question)
        if kept is not None:
            self._kept.move_to_end(question)
        return kept

    def put(self, question: Question, kept: Kept) -> None:
        before = self._kept.pop(question, None)
        self._bytes += len(kept.body) - (len(before.body) if before else 0)
        self._kept[question] = kept
        while self._bytes > self._most_bytes or len(self._kept) > self._most:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone.body)
