"""Queries of the `Windows` port as values, and two answers told as one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from agents.ports import Fetched

__all__ = ["Fetch", "together"]

T = TypeVar("T")

Fetch = Callable[[str, Sequence[str] | None, datetime, datetime], Awaitable[Fetched[T]]]
"""A query of the `Windows` port."""


def together(first: Fetched[T], second: Fetched[T], items: Iterable[T]) -> Fetched[T]:
    """Return these items as the answer of both queries: both are paid, and shown as one."""
    return replace(
        first,
        items=tuple(items),
        query=f"(\n{first.query}\n)\nUNION ALL\n(\n{second.query}\n)",
        rows_read=first.rows_read + second.rows_read,
        duration_ms=first.duration_ms + second.duration_ms,
    )
