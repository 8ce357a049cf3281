"""How long to wait before a process that died is started again."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["RestartPolicy"]


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential back-off with jitter; seconds.

    The n-th consecutive failure (from 0) waits `base_s * 2**n`, at most `cap_s`, of which a random half is taken off,
    so that processes that died together do not come back together ("equal jitter", Brooker, AWS Architecture Blog
    2015). After `max_attempts` failures in a row the supervisor gives up; having been ready for `stable_after_s`
    starts the count anew.
    """

    base_s: float = 0.25
    cap_s: float = 15.0
    max_attempts: int = 8
    stable_after_s: float = 30.0

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """Seconds to wait after `failures` earlier ones, between half of the step and the step."""
        step = min(self.cap_s, self.base_s * 2.0 ** min(failures, 60))
        return step * (0.5 + rng.random() / 2)
