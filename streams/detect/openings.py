"""An open alarm of a series: when it may clear, and when the new level counts as normal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from streams.detect.findings import Finding, Kind

__all__ = ["Opening"]

_RECENT_GAIN = 0.25


@dataclass(slots=True)
class Opening:
    """`calm` counts blocks back to normal in a row; `recent` follows the level during the alarm."""

    kind: Kind
    started_ms: int
    told_ms: int
    calm: int = 0
    recent: float = math.nan

    def follow(self, mean: float, *, calm: bool) -> bool:
        """Take a block after the telling. Returns whether the alarm is over."""
        self.calm = self.calm + 1 if calm else 0
        self.recent = mean if math.isnan(self.recent) else self.recent + _RECENT_GAIN * (mean - self.recent)
        return self.calm >= (1 if self.kind is Kind.SPIKE else 2)

    def cleared(self, at_ms: int, value: float | None, *, adopted: bool = False) -> Finding:
        return Finding(self.kind, False, self.started_ms, at_ms, value, adopted=adopted)
