"""Single samples far outside: a spike if they come back soon, a level shift if they stay."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Excursion"]

_STAY = 0.5


@dataclass(slots=True)
class Excursion:
    """The excursion in progress; `sign` 0 means none. `farthest` is the largest deviation, signed, in the series' unit."""

    sign: int = 0
    started_ms: int = 0
    back: float = 0.0
    """How near it must come to be over: fixed when it begins."""
    farthest: float = 0.0
    total: float = 0.0
    count: int = 0

    def end(self) -> None:
        self.sign = self.count = 0

    def take(self, at_ms: int, off: float, threshold: float) -> bool:
        """Take a sample's deviation. Returns whether an excursion has just come back (its values stay readable)."""
        over = abs(off)
        sign = 1 if off > 0 else -1
        if self.sign and (sign != self.sign or over < self.back):
            self.sign = 0
            return True
        if self.sign == 0 and over > threshold:
            self.sign, self.started_ms = sign, at_ms
            self.back = _STAY * threshold
            self.farthest = self.total = 0.0
            self.count = 0
        if self.sign:
            self.total += off
            self.count += 1
            if over > abs(self.farthest):
                self.farthest = off
        return False

    def stays(self, at_ms: int, persist_ms: int) -> bool:
        """Whether it has lasted long enough to be a shift."""
        return self.sign != 0 and self.count >= 2 and at_ms - self.started_ms >= persist_ms
