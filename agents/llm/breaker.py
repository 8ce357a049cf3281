"""A circuit breaker that lets exactly one probe through when half open, and to which cancellation is not failure.

Closed: calls pass, consecutive failures are counted. Open: calls are refused until `cooldown_s` has gone by.
Half open: one caller passes as the probe, the others are refused until it is done; its success closes, its failure opens
again, its cancellation leaves the place to the next caller. (Nygard, Release It!, 2nd ed., chapter 5.)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agents.llm.ports import Clock

__all__ = ["Breaker", "BreakerState", "Permit"]


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(slots=True, eq=False)
class Permit:
    """The right to make one call. Give it back by exactly one of the three methods; a second one does nothing."""

    _breaker: Breaker
    _generation: int
    is_probe: bool
    _done: bool = False

    def succeeded(self) -> None:
        """The provider works."""
        if self._give_back():
            self._breaker._close()  # noqa: SLF001 - a permit is the breaker's own hand

    def failed(self) -> None:
        """The provider does not work."""
        if self._give_back():
            self._breaker._count_failure()  # noqa: SLF001 - as above

    def abandoned(self) -> None:
        """The call ended without telling anything about the provider: cancelled, or never sent."""
        self._give_back()

    def _give_back(self) -> bool:
        if self._done:
            return False
        self._done = True
        return self._breaker._returned(self)  # noqa: SLF001 - as above


@dataclass(slots=True)
class Breaker:
    """One provider's breaker. Not thread-safe; no method waits, so one event loop may share it."""

    clock: Clock
    failures_to_open: int = 5
    cooldown_s: float = 30.0
    _failures: int = field(default=0, init=False)
    _opened_at: float | None = field(default=None, init=False)
    _probe: Permit | None = field(default=None, init=False)
    _generation: int = field(default=0, init=False)

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        cooled = self.clock.monotonic() - self._opened_at >= self.cooldown_s
        return BreakerState.HALF_OPEN if cooled else BreakerState.OPEN

    def acquire(self) -> Permit | None:
        """Return the right to call, or None: the provider is given rest, or another caller is probing it."""
        state = self.state
        if state is BreakerState.CLOSED:
            return Permit(self, self._generation, is_probe=False)
        if state is BreakerState.OPEN or self._probe is not None:
            return None
        self._probe = Permit(self, self._generation, is_probe=True)
        return self._probe

    def _returned(self, permit: Permit) -> bool:
        """Free the probe's place; return whether the permit's verdict still counts.

        A call from before the breaker opened (or closed again) knows nothing of what came after.
        """
        if permit is self._probe:
            self._probe = None
        return permit._generation == self._generation  # noqa: SLF001 - a permit is the breaker's own hand

    def _close(self) -> None:
        self._failures = 0
        if self._opened_at is not None:
            self._opened_at = None
            self._generation += 1

    def _count_failure(self) -> None:
        self._failures += 1
        if self._opened_at is not None or self._failures >= self.failures_to_open:
            self._opened_at = self.clock.monotonic()
            self._generation += 1
