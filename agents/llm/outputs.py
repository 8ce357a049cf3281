"""What each role answers. These models become the JSON schema the provider is held to, and are checked again here.

Nothing in them is believed: `verify` compares every claim with the evidence before anything is published.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "DataQuery",
    "PlannedTask",
    "PlannerOutput",
    "RankedCause",
    "ReasonerOutput",
    "RuledOutCause",
    "SuggestedStep",
    "WriterOutput",
]

_Slug = Annotated[str, Field(min_length=1, max_length=256)]
_Line = Annotated[str, Field(min_length=1, max_length=500)]
_Paragraphs = Annotated[str, Field(min_length=1, max_length=4000)]
_EvidenceIds = Annotated[tuple[str, ...], Field(max_length=50)]


class _Output(BaseModel):
    # A model that adds a key of its own has still answered: extra keys are dropped, missing ones are not made up.
    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class PlannedTask(_Output):
    """One thing to look at."""

    source: Literal["alarms", "kpis", "logs", "changes", "topology", "knowledge"]
    """Where to look."""
    services: Annotated[tuple[str, ...], Field(max_length=50)]
    """Which services, by their exact names; empty means all that the incident touches."""
    question: _Line
    """What the task should find out."""
    minutes_before: Annotated[int, Field(ge=0, le=1440)]
    """Begin of the window, minutes before the first alarm."""


class PlannerOutput(_Output):
    """The tasks, the most telling first."""

    tasks: Annotated[tuple[PlannedTask, ...], Field(max_length=20)]


class RankedCause(_Output):
    """One possible cause."""

    service: _Slug
    """The service where it began, by its exact name."""
    indicator: str | None
    """The metric, log template or change that shows it; null if none does."""
    kind: _Slug
    """What happened, as a short slug: cpu_hog, memory_leak, bad_deploy, slow_dependency, ..."""
    statement: _Paragraphs
    """What happened and how it explains the symptoms, in one to three sentences."""
    evidence_ids: _EvidenceIds
    """Ids of the evidence that shows it. A cause that cites nothing is not published."""
    confidence: Annotated[float, Field(ge=0, le=1)]
    """How sure, from 0 to 1."""


class RuledOutCause(_Output):
    """A suspect that the evidence speaks against."""

    service: _Slug
    reason: _Line
    evidence_ids: _EvidenceIds


class DataQuery(_Output):
    """One further look at the data. There is no other way to it: no query language, no other tenant, no other time."""

    look_at: Literal["kpis", "logs", "changes", "alarms", "neighbours"]
    """Which data."""
    service: str | None
    """Whose, by its exact name; null for the changes or alarms of all services."""
    match: str | None
    """Only the metrics or log lines that hold this plain text; null for all of them."""
    minutes_before: Annotated[int, Field(ge=0, le=1440)]
    """Begin, in minutes before the first alarm."""


class ReasonerOutput(_Output):
    """The causes, the likeliest first."""

    causes: Annotated[tuple[RankedCause, ...], Field(max_length=10)]
    ruled_out: Annotated[tuple[RuledOutCause, ...], Field(max_length=20)]
    missing: Annotated[tuple[_Line, ...], Field(max_length=10)]
    """What would settle what is open, each as one question to a person."""
    queries: Annotated[tuple[DataQuery, ...], Field(max_length=10)] = ()
    """What you have to see before you can decide; empty when you can."""


class SuggestedStep(_Output):
    """One thing the person on call can do."""

    action: _Line
    reason: _Line
    evidence_ids: _EvidenceIds


class WriterOutput(_Output):
    """The text of the report."""

    headline: Annotated[str, Field(min_length=1, max_length=200)]
    """One line that names service and cause, or says that it is inconclusive."""
    summary: _Paragraphs
    """Two to five sentences; each claim followed by the ids it rests on, in square brackets."""
    next_steps: Annotated[tuple[SuggestedStep, ...], Field(max_length=10)]
