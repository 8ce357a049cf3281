"""What an operator may tune in triage. Times are in seconds of event time unless a field says otherwise."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CorrelationRules", "FlappingRules", "IntakeRules", "TriggerRules"]


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FlappingRules(_Rules):
    changes: int = Field(default=6, ge=3, le=50)
    """So many changes of state within the window are flapping."""
    window_s: float = Field(default=600.0, gt=0)

    @property
    def window(self) -> timedelta:
        return timedelta(seconds=self.window_s)


class IntakeRules(_Rules):
    flapping: FlappingRules = FlappingRules()
    max_ahead_s: float = Field(default=300.0, ge=0)
    """How far in the future of our clock an alarm's times may lie."""
    max_age_s: float | None = Field(default=7 * 86_400.0, gt=0)
    """How old an alarm event may be; None takes any age, for replays of the past."""
    forget_after_s: float = Field(default=86_400.0, gt=0)
    """An alarm that nobody has mentioned for so long is forgotten."""


class CorrelationRules(_Rules):
    window_s: float = Field(default=300.0, gt=0)
    """Alarms of related services belong together when they start within this time of the incident's alarms."""
    max_hops: int = Field(default=2, ge=0, le=10)
    """Services this many calls apart, one above the other, are related."""
    growth_every_s: float = Field(default=1.0, ge=0)
    """An incident that only grows is told of no more often (wall clock): each event carries it whole."""
    quiet_s: float = Field(default=120.0, ge=0)
    """A cleared incident is closed after so long without news (wall clock)."""
    idle_s: float = Field(default=6 * 3600.0, gt=0)
    """An incident whose alarms never clear is closed after so long without news (wall clock)."""
    keep_s: float = Field(default=3600.0, ge=0)
    """How long a closed incident is remembered, so that what is delivered again is recognised (wall clock)."""


class TriggerRules(_Rules):
    forget_after_s: float = Field(default=7 * 86_400.0, gt=0)
    """How long the trigger remembers an incident and its pattern; longer than any policy's cooldown."""
