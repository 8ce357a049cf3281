"""How a call ends for its caller: a closed union, never an exception. Match it with `assert_never`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

__all__ = ["Answered", "Deterministic", "DeterministicReason", "Outcome", "Refused"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """A model answered in the asked shape. Its claims are unchecked."""

    value: T
    provider: str
    model: str
    from_journal: bool
    masked_values: int
    """Different values that were hidden from the model."""
    invented_placeholders: int
    """Placeholders in the answer that were never given out; left as they are."""
    broken_placeholders: int
    """Placeholders in the answer that lost their form; left as they are."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The budget did not hold the estimate of any provider that was left. Nothing was sent to those."""

    reason: str


class DeterministicReason(StrEnum):
    NOT_CONFIGURED = "not_configured"
    """No provider, or none that this call may use."""
    PROMPT_TOO_LONG = "prompt_too_long"
    """By estimate, longer than the role allows; nothing was sent."""
    ALL_RESTING = "all_resting"
    """Every provider's breaker is open."""
    ALL_FAILED = "all_failed"
    DEADLINE = "deadline"
    """The call as a whole took too long."""


@dataclass(frozen=True, slots=True)
class Deterministic:
    """No model is available: go on with the statistics alone."""

    reason: DeterministicReason
    detail: str = ""


Outcome: TypeAlias = Answered[T] | Refused | Deterministic
