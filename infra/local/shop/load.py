"""How busy the shop is, and how its measurements tremble."""

from __future__ import annotations

import math
from random import Random

__all__ = ["DailyLoad", "Jitter"]

_DAY_S = 86_400.0
_SWING = 0.15


class DailyLoad:
    """The load relative to the day's mean: a sine over the day whose hour the seed draws."""

    def __init__(self, seed: int) -> None:
        self._phase = Random(f"day:{seed}").uniform(0.0, 2 * math.pi)

    def at(self, elapsed_s: float) -> float:
        """Load at so many seconds after the simulation's start, which may be negative."""
        return 1.0 + _SWING * math.sin(self._phase + 2 * math.pi * elapsed_s / _DAY_S)


class Jitter:
    """First-order autoregressive noise of mean 0 and deviation 1 that forgets within `memory_s` seconds.

    Sampled at any step it is the same process. A whole set of named noises advances together.
    """

    def __init__(self, rng: Random, memory_s: float) -> None:
        self._rng = rng
        self._memory_s = memory_s
        self._values: dict[str, float] = {}

    def next(self, name: str, step_s: float) -> float:
        """Advance the named noise by `step_s` and return it."""
        fresh = self._rng.gauss(0.0, 1.0)
        kept = math.exp(-step_s / self._memory_s)
        old = self._values.get(name)
        new = fresh if old is None else kept * old + math.sqrt(1.0 - kept * kept) * fresh
        self._values[name] = new
        return new
