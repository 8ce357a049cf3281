"""Single samples far outside: a spike if they come back soon, a level shift if they stay."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Excursion"]

_STAY = 0.5


@dataclass(slots=True)
class Excursion:
    """An excursion in progress. `farthest` is the largest deviation, signed, in the series' unit."""

    sign: int
    started_ms: int
    back: float
    """How near it must come to be over."""
    farthest: float
    total: float
    count: int = 1

    @staticmethod
    def beginning(at_ms: int, off: float, threshold: float) -> Excursion:
        """The excursion that starts with this deviation beyond the threshold."""
        return Excursion(1 if off > 0 else -1, at_ms, _STAY * threshold, off, off)

    def take(self, at_ms: int, off: float, persist_ms: int) -> bool | None:
        """Take a sample's deviation.

        Returns True when it has just come back, False when it has stayed so long that it is a shift, None before.
        """
        over = off * self.sign
        if over < self.back:
            return True
        self.total += off
        self.count += 1
        if over > abs(self.farthest):
            self.farthest = off
        return False if at_ms - self.started_ms >= persist_ms else None
