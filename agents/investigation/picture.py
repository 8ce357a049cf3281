"""A series kept for the report, as a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events.base import Instant, Record

__all__ = ["Picture", "latest"]


class Picture(Record):
    """Samples of one metric of one service. Columns are bytes of float64: a checkpoint writes them as they are."""

    service: str
    indicator: str
    unit: str = ""
    start: Instant
    offsets: bytes
    """Seconds after `start`."""
    values: bytes
    normal_low: float | None = None
    normal_high: float | None = None


def latest(old: Sequence[Picture], new: Sequence[Picture]) -> tuple[Picture, ...]:
    """Reducer: one picture of each metric, that of the latest look."""
    return tuple({(one.service, one.indicator): one for one in (*old, *new)}.values())
