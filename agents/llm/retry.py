"""How long to wait before the next try, and how often to try."""

from __future__ import annotations

from dataclasses import dataclass

from agents.llm.failures import RateLimited, RetryableFailure, ServerFailed
from agents.llm.ports import Random

__all__ = ["RetryPolicy"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015)."""

    max_attempts: int = 3
    """Tries per provider and call, the first one included."""
    base_s: float = 0.5
    cap_s: float = 8.0
    max_retry_after_s: float = 30.0
    """A provider that asks for a longer pause is left for the next one."""

    def delay_s(self, failure: RetryableFailure, tries: int, random: Random) -> float | None:
        """Return seconds to wait after `tries` failed tries, or None: give this provider up.

        Retry-After is a lower bound: the jitter comes on top, so that callers told the same time do not return together.
        """
        if tries >= self.max_attempts:
            return None
        wished = failure.retry_after_s if isinstance(failure, RateLimited | ServerFailed) else None
        if wished is not None and wished > self.max_retry_after_s:
            return None
        backoff = random() * min(self.cap_s, self.base_s * 2.0 ** (tries - 1))
        return (wished or 0.0) + backoff
