"""The reading side in memory: tables that hold what a test puts there, and a feed that a test speaks through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from api.answer_ports import AnsweredSentence, Answers, AnswerView
from api.http.cost_views import CostGroupView
from api.http.views import AlarmView, IncidentView, InvestigationView, ReportView, TopicView
from api.read_ports import (
    AlarmQuery,
    CostAnswer,
    CostQuery,
    EvidenceQuery,
    FeedItem,
    IncidentQuery,
    InvestigationQuery,
    ListQuery,
    Position,
    ReadDeps,
    ReportQuery,
    Slice,
)
from api.registry import SubjectRegistry
from infra.cli.compose.api_reads import RequestsByHand
from schemas.errors import NotFoundError
from schemas.events import Event, Evidence, Feedback, Incident, InvestigationRequested, Report
from schemas.registry import builtin_registry

__all__ = ["LOG", "Said", "ScriptedAnswers", "SpokenFeed", "TablesInMemory", "make_reads"]

_T = TypeVar("_T")

LOG = "0a1b2c3d"
NO_COSTS = CostGroupView(
    key="", entries=0, unpriced=0, cost_nano_usd=None, tokens={}, rows_read=None, duration_ms=0
)


@dataclass(frozen=True, slots=True)
class Said:
    """Satisfies FeedItem."""

    topic: str
    offset: int
    event: Event


@dataclass
class TablesInMemory:
    """Satisfies Tables. Lists return all of their tenant, cut at the limit; `asked` holds what they were asked."""

    incident_rows: list[Incident] = field(default_factory=list)
    investigation_rows: dict[str, list[InvestigationView]] = field(default_factory=dict)
    requests: list[InvestigationRequested] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    evidence_rows: list[Evidence] = field(default_factory=list)
    report_rows: list[Report] = field(default_factory=list)
    feedback_rows: list[Feedback] = field(default_factory=list)
    alarm_rows: dict[str, list[AlarmView]] = field(default_factory=dict)
    cost_answer: CostAnswer = field(default_factory=lambda: CostAnswer((), NO_COSTS, False, "SELECT 1"))
    asked: list[Any] = field(default_factory=list)
    failure: Exception | None = None
    mark_of: dict[str, int] = field(default_factory=dict)

    def _note(self, asked: object) -> None:
        self.asked.append(asked)
        if self.failure is not None:
            raise self.failure

    async def incidents(self, query: IncidentQuery) -> Slice[IncidentView]:
        self._note(query)
        return _cut(
            query,
            [
                (IncidentView.of(one), one.incident_id)
                for one in self.incident_rows
                if one.tenant == query.tenant
            ],
        )

    async def incident(self, tenant: str, incident_id: str) -> Incident:
        self._note(incident_id)
        return _found(
            one for one in self.incident_rows if (one.tenant, one.incident_id) == (tenant, incident_id)
        )

    async def investigations(self, query: InvestigationQuery) -> Slice[InvestigationView]:
        self._note(query)
        rows = self.investigation_rows.get(query.tenant, [])
        return _cut(query, [(one, one.investigation_id) for one in rows])

    async def investigation(self, tenant: str, investigation_id: str) -> InvestigationView:
        self._note(investigation_id)
        rows = self.investigation_rows.get(tenant, [])
        return _found(one for one in rows if one.investigation_id == investigation_id)

    async def request(self, tenant: str, investigation_id: str) -> InvestigationRequested:
        wanted = (tenant, investigation_id)
        return _found(one for one in self.requests if (one.tenant, one.investigation_id) == wanted)

    async def events_of(self, tenant: str, investigation_id: str) -> Sequence[FeedItem]:
        self._note(investigation_id)
        return [
            one
            for one in self.said
            if (one.event.tenant, getattr(one.event, "investigation_id", "")) == (tenant, investigation_id)
        ]

    async def evidence(self, query: EvidenceQuery) -> Slice[Evidence]:
        self._note(query)
        return _cut(query, [(one, one.event_id) for one in self.evidence_rows if one.tenant == query.tenant])

    async def one_evidence(self, tenant: str, evidence_id: str) -> Evidence:
        return _found(
            one for one in self.evidence_rows if (one.tenant, one.event_id) == (tenant, evidence_id)
        )

    async def reports(self, query: ReportQuery) -> Slice[ReportView]:
        self._note(query)
        return _cut(
            query,
            [
                (ReportView.of(one), one.investigation_id)
                for one in self.report_rows
                if one.tenant == query.tenant
            ],
        )

    async def report(self, tenant: str, investigation_id: str, revision: int) -> Report:
        wanted = (tenant, investigation_id)
        return _found(
            one
            for one in reversed(self.report_rows)
            if (one.tenant, one.investigation_id) == wanted and revision in {0, one.revision}
        )

    async def feedback(self, tenant: str, investigation_id: str) -> Sequence[Feedback]:
        self._note(investigation_id)
        wanted = (tenant, investigation_id)
        return [one for one in self.feedback_rows if (one.tenant, one.investigation_id) == wanted]

    async def alarms(self, query: AlarmQuery) -> Slice[AlarmView]:
        self._note(query)
        return _cut(query, [(one, one.event_id) for one in self.alarm_rows.get(query.tenant, [])])

    async def alarm(self, tenant: str, event_id: str) -> AlarmView:
        return _found(one for one in self.alarm_rows.get(tenant, []) if one.event_id == event_id)

    async def costs(self, query: CostQuery) -> CostAnswer:
        self._note(query)
        return self.cost_answer

    async def marks(self) -> Mapping[str, int]:
        self._note("marks")
        return dict(self.mark_of)


def _cut(query: ListQuery, rows: list[tuple[Any, str]]) -> Slice[Any]:
    """Rows in the order in which they were put there; a position is the number of rows before it."""
    first = int(query.after[0]) if query.after else 0
    last = first + query.limit
    next_place: Position | None = (str(last), rows[last - 1][1]) if last < len(rows) else None
    return Slice(tuple(row for row, _ in rows[first:last]), next_place)


def _found(rows: Iterator[_T]) -> _T:
    for row in rows:
        return row
    raise NotFoundError("it is not there")


class SpokenSubscription:
    def __init__(self, recent: Sequence[FeedItem]) -> None:
        self.recent = recent
        self.queue: asyncio.Queue[FeedItem | None] = asyncio.Queue()

    async def next(self) -> FeedItem | None:
        return await self.queue.get()


@dataclass
class SpokenFeed:
    """Satisfies Feed: `say` is heard by everybody who listens."""

    known: dict[str, InvestigationRequested] = field(default_factory=dict)
    recent: list[FeedItem] = field(default_factory=list)
    listeners: list[SpokenSubscription] = field(default_factory=list)

    def expect(self, request: InvestigationRequested) -> None:
        self.known[request.investigation_id] = request

    def requested(self, tenant: str, investigation_id: str) -> InvestigationRequested | None:
        found = self.known.get(investigation_id)
        return found if found is not None and found.tenant == tenant else None

    @contextmanager
    def subscribe(self, investigation_id: str) -> Iterator[SpokenSubscription]:
        made = SpokenSubscription(tuple(self.recent))
        self.listeners.append(made)
        try:
            yield made
        finally:
            self.listeners.remove(made)

    def say(self, item: FeedItem | None) -> None:
        for one in self.listeners:
            one.queue.put_nowait(item)


@dataclass
class FixedTopics:
    rows: tuple[TopicView, ...] = ()

    async def topics(self) -> tuple[TopicView, ...]:
        return self.rows


@dataclass
class ScriptedAnswers:
    """Satisfies Answers: says what it was asked."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    failure: Exception | None = None

    async def answer(self, tenant: str, investigation_id: str, question: str) -> AnswerView:
        self.asked.append((tenant, investigation_id, question))
        if self.failure is not None:
            raise self.failure
        told = AnsweredSentence(text=f"You asked: {question}", evidence_ids=("ev_1",))
        return AnswerView(investigation_id=investigation_id, question=question, known=True, sentences=(told,))


def make_reads(
    tables: TablesInMemory | None = None,
    feed: SpokenFeed | None = None,
    topics: tuple[TopicView, ...] = (),
    answers: Answers | None = None,
) -> ReadDeps:
    """Return the reading side over these, or over empty ones."""
    return ReadDeps(
        tables=tables or TablesInMemory(),
        feed=feed or SpokenFeed(),
        topics=FixedTopics(topics),
        requests=RequestsByHand(),
        answers=answers or ScriptedAnswers(),
        registry=SubjectRegistry(builtin_registry()),
        log=LOG,
    )
