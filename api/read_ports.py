"""What the reading side needs from outside: the tables, the live feed, the topics, and how a request by hand is made.

Unless a method says otherwise it may raise UnavailableError, which a caller sees as 503 with Retry-After.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from api.answer_ports import Answers
from api.http.cost_views import CostGroupView
from api.http.views import AlarmView, IncidentView, InvestigationView, ReportView, TopicView
from api.registry import SubjectRegistry
from schemas.events import Event, Evidence, Feedback, Incident, InvestigationRequested, Report

__all__ = [
    "AlarmQuery",
    "CostAnswer",
    "CostQuery",
    "EvidenceQuery",
    "Feed",
    "FeedItem",
    "IncidentQuery",
    "InvestigationQuery",
    "ListQuery",
    "ManualRequests",
    "Position",
    "ReadDeps",
    "ReportQuery",
    "Slice",
    "Subscription",
    "Tables",
    "TopicStates",
]

_Row = TypeVar("_Row")

Position = tuple[str, str]
"""Where a page ended: its last row's sort value as text, and that row's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What every list is asked with: one tenant, [start, end] in event time, an order, a place, a number of rows."""

    tenant: str
    start: datetime
    end: datetime
    sort: str
    descending: bool
    after: Position | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentQuery(ListQuery):
    """`start` and `end` bound when it was opened. None, or an empty text, asks for nothing."""

    service: str = ""
    alarm_name: str = ""
    severities: tuple[str, ...] | None = None
    transitions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvestigationQuery(ListQuery):
    """`start` and `end` bound when it was asked for."""

    service: str = ""
    incident_id: str = ""
    states: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    verdicts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceQuery(ListQuery):
    """`start` and `end` bound when it was found."""

    investigation_id: str = ""
    incident_id: str = ""
    service: str = ""
    indicator: str = ""
    kinds: tuple[str, ...] | None = None
    steps: tuple[str, ...] | None = None
    min_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery(ListQuery):
    """`start` and `end` bound when its last revision was finished."""

    service: str = ""
    cause: str = ""
    incident_id: str = ""
    verdicts: tuple[str, ...] | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmQuery(ListQuery):
    """`start` and `end` bound its event time."""

    service: str = ""
    name: str = ""
    source: str = ""
    fingerprint: str = ""
    severities: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    decisions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostQuery:
    """`by` is a dimension: tenant, service, alarm, model, step, day, kind, investigation_id."""

    tenant: str
    start: datetime
    end: datetime
    by: str
    limit: int
    only: Mapping[str, str]
    """Values by field: service, alarm, model, step, kind, investigation_id, incident_id."""


@dataclass(frozen=True, slots=True)
class CostAnswer:
    """The dearest groups first; `total` is of all groups, also of those cut off."""

    groups: tuple[CostGroupView, ...]
    total: CostGroupView
    truncated: bool
    sql: str


@dataclass(frozen=True, slots=True)
class Slice(Generic[_Row]):
    """A page's rows, and where the next one begins; None after the last."""

    rows: tuple[_Row, ...]
    next: Position | None


class FeedItem(Protocol):
    """An event of an investigation and where it is in the log."""

    @property
    def topic(self) -> str:
        """investigations.status, evidence or reports."""
        ...

    @property
    def offset(self) -> int:
        """In its partition, which is the same for all events of one investigation and topic; -1 in an earlier log."""
        ...

    @property
    def event(self) -> Event: ...


class Tables(Protocol):
    """Everything that has landed. Lists raise InvalidRequestError for a sort they do not know."""

    async def incidents(self, query: IncidentQuery) -> Slice[IncidentView]: ...

    async def incident(self, tenant: str, incident_id: str) -> Incident:
        """Raises NotFoundError."""
        ...

    async def investigations(self, query: InvestigationQuery) -> Slice[InvestigationView]: ...

    async def investigation(self, tenant: str, investigation_id: str) -> InvestigationView:
        """Raises NotFoundError."""
        ...

    async def request(self, tenant: str, investigation_id: str) -> InvestigationRequested:
        """The request that began the investigation. Raises NotFoundError."""
        ...

    async def events_of(self, tenant: str, investigation_id: str) -> Sequence[FeedItem]:
        """What the investigation has said and found, each event once, in order of the log within each topic."""
        ...

    async def evidence(self, query: EvidenceQuery) -> Slice[Evidence]: ...

    async def one_evidence(self, tenant: str, evidence_id: str) -> Evidence:
        """Raises NotFoundError."""
        ...

    async def reports(self, query: ReportQuery) -> Slice[ReportView]: ...

    async def report(self, tenant: str, investigation_id: str, revision: int) -> Report:
        """The last revision for 0. Raises NotFoundError."""
        ...

    async def feedback(self, tenant: str, investigation_id: str) -> Sequence[Feedback]:
        """What each person last said of the report, the newest first."""
        ...

    async def alarms(self, query: AlarmQuery) -> Slice[AlarmView]: ...

    async def alarm(self, tenant: str, event_id: str) -> AlarmView:
        """Raises NotFoundError."""
        ...

    async def costs(self, query: CostQuery) -> CostAnswer: ...

    async def marks(self) -> Mapping[str, int]:
        """By table, a number that changes with each insert into it, and stays while nothing lands."""
        ...


class Subscription(Protocol):
    """What one listener hears of one investigation."""

    @property
    def recent(self) -> Sequence[FeedItem]:
        """What was heard shortly before, in order within each topic."""
        ...

    async def next(self) -> FeedItem | None:
        """Wait for the next event. None: this listener fell behind, or the feed has ended; begin again."""
        ...


class Feed(Protocol):
    """What investigations say at this moment, for as many listeners as there are. Does not block, needs no broker."""

    def expect(self, request: InvestigationRequested) -> None:
        """Know of a request that was just published, before it has come back."""
        ...

    def requested(self, tenant: str, investigation_id: str) -> InvestigationRequested | None:
        """The tenant's request of this name, if it was heard of lately."""
        ...

    def subscribe(self, investigation_id: str) -> AbstractContextManager[Subscription]:
        """Listen. Raises RateLimitedError when there are too many listeners."""
        ...


class TopicStates(Protocol):
    """The catalogue, and how the topics are on the broker."""

    async def topics(self) -> tuple[TopicView, ...]: ...


class ManualRequests(Protocol):
    """Requests as a person makes them. Pure. `name` makes the investigation's id: the same for the same name."""

    def about_incident(self, incident: Incident, now: datetime, name: str) -> InvestigationRequested: ...

    def about_service(
        self, tenant: str, service: str, at: datetime, now: datetime, name: str
    ) -> InvestigationRequested: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadDeps:
    """One of everything that the reading routes reach for."""

    tables: Tables
    feed: Feed
    topics: TopicStates
    requests: ManualRequests
    answers: Answers
    registry: SubjectRegistry
    log: str
    """Names the incarnation of the broker's log, in eight hexadecimal digits."""
