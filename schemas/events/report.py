"""reports: what an investigation concluded, whole; feedback: what a person said of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from schemas import ids
from schemas.events.base import Event, Instant, Name, Record, Text

__all__ = [
    "Feedback",
    "NextStep",
    "Report",
    "ReportFigure",
    "ReportedCause",
    "RuledOut",
    "ServiceLink",
    "Spending",
    "TimelineEntry",
    "Verdict",
]

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Offset = Annotated[float, Field(ge=0, le=31_622_400)]


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


class ReportFigure(Record):
    """A decisive series as the investigation saw it: real samples, thinned out so that no peak is lost.

    The report keeps them, so that it still shows its pictures when the raw data have expired.
    """

    service: Name
    indicator: Name
    unit: str = ""
    """As its source calls it; empty or `1` where it has no dimension."""
    caption: Text = ""
    """What there is to see, as the evidence says it."""
    evidence_id: str = ""
    start: Instant
    offsets_s: Annotated[tuple[_Offset, ...], Field(max_length=120)]
    """Seconds after `start` of each sample, in order."""
    values: Annotated[tuple[_Finite, ...], Field(max_length=120)]
    """One for each offset."""
    normal_low: _Finite | None = None
    """Nine in ten of the baseline's samples lie between `normal_low` and `normal_high`."""
    normal_high: _Finite | None = None
    onset: Instant | None = None
    """When it changed; None where that is not known."""
    alarm_at: Instant | None = None
    """The incident's first alarm."""

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        if len(self.offsets_s) != len(self.values):
            raise ValueError(f"{len(self.offsets_s)} offsets but {len(self.values)} values")
        return self


class ServiceLink(Record):
    """Two services that have to do with each other, as far as the report needs it."""

    caller: Name
    callee: Name
    tie: Name = "calls"
    """`calls`; `runs on`, where the callee is a host; `consists of`, where it is one instance."""


class Spending(Record):
    """What a report's cost was made of."""

    queries: Annotated[int, Field(ge=0)] = 0
    rows_read: Annotated[int, Field(ge=0)] = 0
    model_calls: Annotated[int, Field(ge=0)] = 0
    query: Text = ""
    """The SQL that shows it, entry by entry."""


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
    began_at: Instant | None = None
    """The earliest sign of the first cause, or of anything abnormal where none is known."""
    alarmed_at: Instant | None = None
    """The incident's first alarm."""
    alarm_count: Annotated[int, Field(ge=0)] = 0
    severity: str = ""
    """The incident's, when the investigation was asked for."""
    figures: Annotated[tuple[ReportFigure, ...], Field(max_length=4)] = ()
    """Pictures of what decided, the most telling first."""
    links: Annotated[tuple[ServiceLink, ...], Field(max_length=40)] = ()
    """Who has to do with whom, around the causes and the alarms."""
    path: tuple[str, ...] = ()
    """From the first cause to the alarmed service, through those in between; empty where no way is known."""
    spending: Spending | None = None
    against: tuple[Text, ...] = ()
    """What speaks against the first cause, each as a sentence."""
    partial: Text = ""
    """Why not all was looked at that was asked for; empty where it was."""

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
