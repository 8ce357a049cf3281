"""What an operator may tune in detection: one setting for all series."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DetectRules", "Method", "RecordRules"]


class Method(StrEnum):
    """What is looked for beside missing data."""

    CHANGES = "changes"
    """Shifts, spikes and trends that are beyond doubt."""
    RECORDS = "records"
    """These, and whatever goes farther than the series has gone in its memory: many more alarms, earlier and weaker."""


class RecordRules(BaseModel):
    """How records are measured, in samples where there is no other unit: one choice for all series."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    far: float = Field(default=3.0, gt=0)
    """Usual distances that make news of a record."""
    beat: float = Field(default=1.05, ge=1)
    """A record is beaten by at least a twentieth: what recurs at the same height is no news as the record fades."""
    memory: int = Field(default=1_500, ge=1)
    """What makes the level and the usual distances."""
    half_life: int = Field(default=4_000, ge=1)
    """Of the records."""
    slow: int = Field(default=64, ge=16)
    """Of the mean that finds small shifts."""
    rest: int = Field(default=100, ge=0)
    """After news, before there is any again."""
    warmup: int = Field(default=150, ge=1)
    """A series is silent for so long."""


class DetectRules(BaseModel):
    """Times are seconds of event time unless a field says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_series: int = Field(default=100_000, ge=1)
    """Series with state in one worker; the longest unseen are dropped first."""
    method: Method = Method.CHANGES
    """What is looked for: changes, or records too. For records expect one of each series every 1,200 samples or so."""
    records: RecordRules = RecordRules()
    sensitivity: float = Field(default=6.0, gt=0)
    """Robust deviations that make a change an alarm: higher is quieter."""
    persist_s: float = Field(default=20.0, ge=0)
    """A level shift must last this long before it is told."""
    season_s: float = Field(default=86_400.0, ge=0)
    """Period of the expected daily pattern; 0 expects none."""
    warmup_samples: int = Field(default=60, ge=10)
    """A series learns quietly from at least so many samples (and twelve blocks) before it may alarm."""
    adopt_s: float = Field(default=3_600.0, gt=0)
    """A change that has lasted so long is the new normal: its alarm clears."""
    forget_s: float = Field(default=21_600.0, gt=0)
    """A series that has been silent for so long is no longer expected: its alarm clears, its state is dropped."""
    max_ahead_s: float = Field(default=300.0, ge=0)
    """Samples further than this in the future of our clock are ignored."""
    rebuild_s: float = Field(default=21_600.0, ge=0)
    """How far before the committed offset the topic is read again to rebuild state, in seconds of record time."""
    group: str = "tocsin.detect"
    """Consumer group, before the topic prefix."""
    poll_s: float = Field(default=0.2, gt=0)
    """Longest wait for messages, wall clock."""
    max_messages: int = Field(default=500, ge=1)
    """Messages handled between two commits, at most."""

    @property
    def persist_ms(self) -> int:
        return round(self.persist_s * 1000)

    @property
    def season_ms(self) -> int:
        return round(self.season_s * 1000)

    @property
    def adopt_ms(self) -> int:
        return round(self.adopt_s * 1000)

    @property
    def forget_ms(self) -> int:
        return round(self.forget_s * 1000)
