"""Token buckets in this process's memory: what limits where nothing is shared, or what is shared does not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["BucketRule", "LocalBuckets", "Taken"]

_MOST_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class BucketRule:
    """`burst` tokens at most, `per_s` new ones a second."""

    per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether there was a token, how many whole ones are left, and in how many seconds there is one again."""

    allowed: bool
    remaining: int
    retry_after_s: float


class LocalBuckets:
    """A bucket per name. When there are very many, all begin anew, full."""

    def __init__(self, rule: BucketRule, monotonic: Callable[[], float]) -> None:
        self._rule = rule
        self._monotonic = monotonic
        self._levels: dict[str, tuple[float, float]] = {}

    async def take(self, name: str) -> Taken:
        """Take a token, if there is one. Does not block."""
        now = self._monotonic()
        tokens, at = self._levels.get(name, (float(self._rule.burst), now))
        tokens = min(float(self._rule.burst), tokens + (now - at) * self._rule.per_s)
        allowed = tokens >= 1.0
        tokens -= 1.0 if allowed else 0.0
        if len(self._levels) >= _MOST_KEPT:
            self._levels.clear()
        self._levels[name] = (tokens, now)
        return Taken(allowed, int(tokens), 0.0 if allowed else (1.0 - tokens) / self._rule.per_s)
