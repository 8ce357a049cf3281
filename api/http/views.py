"""What is answered about incidents, investigations, evidence, reports, alarms and topics."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

import orjson
from pydantic import Field

from schemas.events import (
    AlarmStatus,
    Decision,
    Evidence,
    Incident,
    IncidentAlarm,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    Report,
    RequestKind,
    Severity,
    Verdict,
)
from schemas.events.base import Labels, Record

__all__ = [
    "AlarmView",
    "ConsumerLag",
    "DecisionView",
    "EvidenceView",
    "IncidentDetail",
    "IncidentView",
    "InvestigationView",
    "Listing",
    "ReportView",
    "TopicView",
]

_R = TypeVar("_R", bound=Record)
_OVER = frozenset({IncidentTransition.MERGED, IncidentTransition.CLOSED})


class Listing(Record, Generic[_R]):
    """One page of a list, in the order that was asked for."""

    items: tuple[_R, ...]
    next_cursor: Annotated[str | None, Field(description="Where the next page begins; null on the last.")]


class IncidentView(Record):
    """An incident as its last transition left it."""

    incident_id: str
    title: str
    severity: Severity
    transition: IncidentTransition
    open: bool
    """Whether it is neither closed nor merged into another."""
    opened_at: datetime
    updated_at: datetime
    services: tuple[str, ...]
    alarm_count: int
    active_count: int
    merged_into: str
    revision: int

    @classmethod
    def of(cls, incident: Incident) -> Self:
        return cls.model_validate(_shared(cls, incident) | {"open": incident.transition not in _OVER})


class InvestigationView(Record):
    """Where an investigation stands and what came out so far."""

    investigation_id: str
    incident_id: str
    title: str
    """The incident's."""
    services: tuple[str, ...]
    """Services with alarms in the incident when it was asked for."""
    kind: RequestKind
    policy: str
    reason: str
    priority: int
    requested_at: datetime
    not_before: datetime | None
    recurrence_of: str
    state: InvestigationState
    step: str
    message: str
    progress: float
    attempt: int
    last_at: datetime
    """When it was last heard of."""
    revision: int
    """Of its report; 0 while there is none."""
    verdict: Verdict | None
    confidence: float | None
    headline: str
    cost_nano_usd: int | None
    """Integer 10^-9 USD; null when it is not known."""

    @classmethod
    def queued(cls, request: InvestigationRequested) -> Self:
        """What can be said of an investigation that nobody has told of yet."""
        deferred = request.not_before is not None
        return cls.model_validate(
            {name: getattr(request, name) for name in _OF_REQUEST}
            | {
                "incident_id": request.incident.incident_id,
                "title": request.incident.title,
                "services": request.incident.services,
                "state": InvestigationState.DEFERRED if deferred else InvestigationState.QUEUED,
                "step": "",
                "message": "",
                "progress": 0.0,
                "attempt": 0,
                "last_at": request.requested_at,
                "revision": 0,
                "verdict": None,
                "confidence": None,
                "headline": "",
                "cost_nano_usd": None,
            }
        )


_OF_REQUEST = (
    "investigation_id",
    "kind",
    "policy",
    "reason",
    "priority",
    "requested_at",
    "not_before",
    "recurrence_of",
)


class IncidentDetail(IncidentView):
    """An incident with its alarms and what was investigated about it."""

    alarms: tuple[IncidentAlarm, ...]
    """In order of start; at most the first 200, `alarm_count` has them all."""
    investigations: tuple[InvestigationView, ...]
    """The last asked for first, at most 50."""


class EvidenceView(Record):
    """One finding: what was seen, where, how strong, and the query that shows it again."""

    evidence_id: str
    investigation_id: str
    incident_id: str
    occurred_at: datetime
    step: str
    finding: str
    kind: str
    service: str
    indicator: str
    statement: str
    score: float | None
    direction: int
    onset: datetime | None
    window_start: datetime
    window_end: datetime
    data_fresh_until: datetime | None
    query: str
    """The SQL that shows the data, with its parameters filled in."""
    data: dict[str, Any]
    """The figures behind the statement."""

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        own = {"evidence_id": evidence.event_id, "data": _object(evidence.data)}
        return cls.model_validate(_shared(cls, evidence) | own)


class ReportView(Record):
    """A report in a line; `/v1/reports/{investigation_id}` is the whole."""

    investigation_id: str
    incident_id: str
    revision: int
    verdict: Verdict
    confidence: float | None
    headline: str
    cause_services: tuple[str, ...]
    """The most likely first."""
    services: tuple[str, ...]
    started_at: datetime
    finished_at: datetime
    mode: str
    recurrence_of: str
    cost_nano_usd: int | None
    evidence_count: int

    @classmethod
    def of(cls, report: Report) -> Self:
        causes = tuple(cause.service for cause in report.causes)
        return cls.model_validate(_shared(cls, report) | {"cause_services": causes})


class DecisionView(Record):
    """What triage decided about an alarm event, and why."""

    decided_at: datetime
    decision: Decision
    reason: str


class AlarmView(Record):
    """One state of one alarm, with the decisions taken on it."""

    event_id: str
    occurred_at: datetime
    source: str
    fingerprint: str
    name: str
    service: str
    status: AlarmStatus
    severity: Severity
    started_at: datetime
    entity: str
    host: str
    indicator: str
    value: float | None
    summary: str
    labels: Labels
    messages: int
    """How often its source sent it."""
    decisions: tuple[DecisionView, ...]
    """In the order in which they were taken."""


class ConsumerLag(Record):
    """How many messages a consumer group has still to handle."""

    group: str
    lag: int


class TopicView(Record):
    """A topic of the catalogue, and how it is on the broker."""

    topic: str
    name_on_broker: str
    key: str
    """What the message key is made of."""
    event_type: str
    """CloudEvents `ce_type`."""
    partitions: int
    retention_s: float | None
    """null: for ever."""
    compacted: bool
    subject: str
    """Of the schema registry under `/registry`."""
    schema_id: int
    exists: bool
    messages: int | None
    """Held by the broker now; null where the topic does not exist."""
    consumers: tuple[ConsumerLag, ...]


def _shared(view: type[Record], event: Record) -> dict[str, object]:
    return {name: getattr(event, name) for name in view.model_fields if name in type(event).model_fields}


def _object(text: str) -> dict[str, Any]:
    """What a finding carries is JSON by contract; a producer of its own may have written anything."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text}
    return value if isinstance(value, dict) else {"value": value}
