"""What a step may answer for one message: a closed union, matched with `assert_never`.

A retryable failure is not an outcome: it is raised (schemas.errors.RetryableError) and pauses the step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Deferred", "Done", "Ignored", "Outcome", "Rejected"]


@dataclass(frozen=True, slots=True)
class Done:
    """Handled; its effects are durable."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, on purpose: a repeat, a cancelled request."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: try again at `until`."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Cannot be handled, now or later: goes to the dead letters with `reason` (a slug) and `detail`."""

    reason: str
    detail: str


Outcome = Done | Ignored | Deferred | Rejected
