"""reports: what an investigation concluded, whole; feedback: what a person said of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas import ids
from schemas.events.base import Event, Instant, Name, Record, Text

__all__ = [
    "Feedback",
    "NextStep",
    "Report",
    "ReportedCause",
    "RuledOut",
    "TimelineEntry",
    "Verdict",
]


class Verdict(StrEnum):
    CAUSE_FOUND = "cause_found"
    INCONCLUSIVE = "inconclusive"
    BENIGN = "benign"
    DATA_UNAVAILABLE = "data_unavailable"


class ReportedCause(Record):
    """A cause and the evidence that says so. The first is the most likely."""

    service: Name
    kind: Name
    indicator: str = ""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    statement: Text
    evidence_ids: tuple[str, ...] = ()


class TimelineEntry(Record):
    at: Instant
    service: str
    what: Text
    evidence_id: str = ""


class RuledOut(Record):
    """A suspect that was cleared, and why."""

    service: Name
    reason: Text
    evidence_ids: tuple[str, ...] = ()


class NextStep(Record):
    """What to do or look at next. `query` shows it, where there is one."""

    action: Text
    query: Text = ""


class Report(Event):
    """The verdict of one investigation."""

    TOPIC: ClassVar[str] = "reports"
    TYPE: ClassVar[str] = "io.tocsin.report"

    report_id: str = ""
    investigation_id: str
    incident_id: str
    revision: Annotated[int, Field(ge=1)] = 1
    verdict: Verdict
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    headline: Text
    """The first line, for someone woken at 3 a.m."""
    summary: Text = ""
    causes: tuple[ReportedCause, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    missing: tuple[str, ...] = ()
    """Data that would have helped and was not there."""
    next_steps: tuple[NextStep, ...] = ()
    services: tuple[str, ...] = ()
    """Services with alarms in the incident."""
    started_at: Instant
    finished_at: Instant
    mode: Name = "deterministic"
    """`deterministic`, or the model that wrote it."""
    recurrence_of: str = ""
    """The earlier investigation whose answer still holds, where this one was answered from memory."""
    cost_nano_usd: int | None = None
    """Integer 10^-9 USD; None when a part of it has no known price."""
    evidence_count: Annotated[int, Field(ge=0)] = 0
    markdown: Annotated[str, Field(max_length=262_144)] = ""
    """The report as a page."""

    def derive_id(self) -> str:
        return ids.report_id(self.investigation_id, self.revision)

    @property
    def key(self) -> str:
        return self.investigation_id

    @property
    def subject(self) -> str:
        return self.investigation_id


class Feedback(Event):
    """What a person said of a report: would acting on it have fixed it (100, 65, 35, 0)?"""

    TOPIC: ClassVar[str] = "feedback"
    TYPE: ClassVar[str] = "io.tocsin.feedback"

    investigation_id: str
    score: Annotated[int, Field(ge=0, le=100)]
    comment: Text = ""
    actual_service: str = ""
    """The service that was the cause after all, where the person knows it."""
    by: Name

    def derive_id(self) -> str:
        return ids.stable_id("fb", self.tenant, self.investigation_id, self.by, str(self.occurred_at))

    @property
    def subject(self) -> str:
        return self.investigation_id
