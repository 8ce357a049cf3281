"""What the detectors say about a series, before it becomes an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Kind"]


class Kind(StrEnum):
    LEVEL_SHIFT = "level_shift"
    SPIKE = "spike"
    TREND = "trend"
    UNUSUAL = "unusual"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """A change began or is over. Times are unix milliseconds of event time.

    `size` is the deviation in robust scales, None where the series has shown no noise to compare with; `expected` is
    what the baseline foresaw. Both are None for missing data and for what is over.
    """

    kind: Kind
    firing: bool
    started_ms: int
    at_ms: int
    value: float | None
    expected: float | None = None
    size: float | None = None
    adopted: bool = False
    """It ends because what is now is taken as normal, not because the old state came back."""
