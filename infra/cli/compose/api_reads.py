"""The API's reading side over the tables, the topics and the feed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from api.answer_ports import Answers
from api.http.cost_views import CostGroupView
from api.http.views import AlarmView, IncidentView, InvestigationView, ReportView
from api.read_ports import (
    AlarmQuery,
    CostAnswer,
    CostQuery,
    EvidenceQuery,
    FeedItem,
    IncidentQuery,
    InvestigationQuery,
    ListQuery,
    ReadDeps,
    ReportQuery,
    Slice,
)
from api.registry import SubjectRegistry
from infra.cli.compose.api_topics import BrokerTopics
from infra.cli.compose.process import RoleProcess
from infra.cli.manual import manual_request
from schemas import ids
from schemas.control import DEFAULT_POLICY
from schemas.events import CostKind, Evidence, Feedback, Incident, InvestigationRequested, Report, RequestKind
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.alarm_pages import AlarmFilter, alarm_page, get_alarm
from sinks.clickhouse.queries.conditions import Scope, WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, CostGroup, costs_by
from sinks.clickhouse.queries.evidence_pages import EvidenceFilter, evidence_page, get_evidence
from sinks.clickhouse.queries.feedback import latest_feedback
from sinks.clickhouse.queries.incident_pages import IncidentFilter, incident_page
from sinks.clickhouse.queries.incidents import get_incident
from sinks.clickhouse.queries.insert_marks import insert_marks
from sinks.clickhouse.queries.investigation_log import get_request, investigation_log
from sinks.clickhouse.queries.investigation_pages import (
    InvestigationFilter,
    get_investigation,
    investigation_page,
)
from sinks.clickhouse.queries.pages import Page, PageRequest, Position
from sinks.clickhouse.queries.report_pages import ReportFilter, report_page
from sinks.clickhouse.queries.reports import get_report
from streams.feed import InvestigationFeed

__all__ = ["LandedTables", "RequestsByHand", "log_name", "open_reads"]

_Row = TypeVar("_Row")

_PRIORITY: Final = 90


async def open_reads(
    process: RoleProcess, clickhouse: ClickHouse, answers: Answers, stop: asyncio.Event
) -> ReadDeps:
    """Begin to listen to the topics, and return what the reading routes need; closed with the role."""
    installation = process.installation
    feed = InvestigationFeed(installation.kafka, process.clock, registry=process.schemas)
    reading = asyncio.create_task(feed.run(stop))
    process.stack.push_async_callback(_ended, reading)
    return ReadDeps(
        tables=LandedTables(clickhouse, installation.log_epoch),
        feed=feed,
        topics=BrokerTopics(installation.kafka, process.clock, process.schemas),
        requests=RequestsByHand(),
        answers=answers,
        registry=SubjectRegistry(process.schemas, installation.kafka.names),
        log=log_name(installation.log_epoch),
    )


async def _ended(reading: asyncio.Task[None]) -> None:
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


def log_name(epoch: str) -> str:
    """Return the short name of a log's incarnation that is part of every stream position."""
    return hashlib.sha256(epoch.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class LandedTables:
    """Satisfies api.read_ports.Tables."""

    clickhouse: ClickHouse
    epoch: str

    async def incidents(self, query: IncidentQuery) -> Slice[IncidentView]:
        only = IncidentFilter(
            service=query.service,
            severities=query.severities,
            transitions=query.transitions,
            alarm_name=query.alarm_name,
        )
        found = await incident_page(self.clickhouse, _scope(query), _page(query), only)
        return Slice(tuple(map(_incident, found.rows)), _place(found.next))

    async def incident(self, tenant: str, incident_id: str) -> Incident:
        return await get_incident(self.clickhouse, tenant=tenant, incident_id=incident_id)

    async def investigations(self, query: InvestigationQuery) -> Slice[InvestigationView]:
        only = InvestigationFilter(
            service=query.service,
            states=query.states,
            kinds=query.kinds,
            verdicts=query.verdicts,
            incident_id=query.incident_id,
        )
        found = await investigation_page(self.clickhouse, _scope(query), _page(query), only)
        return Slice(tuple(map(_investigation, found.rows)), _place(found.next))

    async def investigation(self, tenant: str, investigation_id: str) -> InvestigationView:
        found = await get_investigation(self.clickhouse, tenant=tenant, investigation_id=investigation_id)
        return _investigation(found)

    async def request(self, tenant: str, investigation_id: str) -> InvestigationRequested:
        return await get_request(self.clickhouse, tenant=tenant, investigation_id=investigation_id)

    async def events_of(self, tenant: str, investigation_id: str) -> Sequence[FeedItem]:
        return await investigation_log(
            self.clickhouse, tenant=tenant, investigation_id=investigation_id, epoch=self.epoch
        )

    async def evidence(self, query: EvidenceQuery) -> Slice[Evidence]:
        only = EvidenceFilter(
            investigation_id=query.investigation_id,
            incident_id=query.incident_id,
            service=query.service,
            indicator=query.indicator,
            kinds=query.kinds,
            steps=query.steps,
            min_score=query.min_score,
        )
        return _slice(await evidence_page(self.clickhouse, _scope(query), _page(query), only))

    async def one_evidence(self, tenant: str, evidence_id: str) -> Evidence:
        return await get_evidence(self.clickhouse, tenant=tenant, evidence_id=evidence_id)

    async def reports(self, query: ReportQuery) -> Slice[ReportView]:
        only = ReportFilter(
            service=query.service,
            cause=query.cause,
            verdicts=query.verdicts,
            incident_id=query.incident_id,
            min_confidence=query.min_confidence,
        )
        found = await report_page(self.clickhouse, _scope(query), _page(query), only)
        return Slice(tuple(map(_report, found.rows)), _place(found.next))

    async def report(self, tenant: str, investigation_id: str, revision: int) -> Report:
        return await get_report(
            self.clickhouse, tenant=tenant, investigation_id=investigation_id, revision=revision
        )

    async def feedback(self, tenant: str, investigation_id: str) -> Sequence[Feedback]:
        found = await latest_feedback(self.clickhouse, tenant=tenant, investigation_ids=(investigation_id,))
        return found.rows

    async def alarms(self, query: AlarmQuery) -> Slice[AlarmView]:
        only = AlarmFilter(
            service=query.service,
            name=query.name,
            source=query.source,
            fingerprint=query.fingerprint,
            severities=query.severities,
            statuses=query.statuses,
            decisions=query.decisions,
        )
        found = await alarm_page(self.clickhouse, _scope(query), _page(query), only)
        return Slice(tuple(map(_alarm, found.rows)), _place(found.next))

    async def alarm(self, tenant: str, event_id: str) -> AlarmView:
        return _alarm(await get_alarm(self.clickhouse, tenant=tenant, event_id=event_id))

    async def costs(self, query: CostQuery) -> CostAnswer:
        only = dict(query.only)
        kind = only.pop("kind", "")
        found = await costs_by(
            self.clickhouse,
            CostDimension(query.by),
            WideScope((query.tenant,), query.start, query.end),
            CostFilter(kind=CostKind(kind) if kind else None, **only),
            query.limit,
        )
        groups = tuple(map(_group, found.groups))
        return CostAnswer(groups, _group(found.total), found.truncated, found.info.sql)

    async def marks(self) -> Mapping[str, int]:
        return await insert_marks(self.clickhouse)


def _scope(query: ListQuery) -> Scope:
    return Scope(query.tenant, query.start, query.end)


def _page(query: ListQuery) -> PageRequest:
    after = None if query.after is None else Position(*query.after)
    return PageRequest(query.sort, query.descending, after, query.limit)


def _slice(page: Page[_Row]) -> Slice[_Row]:
    return Slice(page.rows, _place(page.next))


def _place(position: Position | None) -> tuple[str, str] | None:
    return None if position is None else (position.value, position.id)


def _incident(row: object) -> IncidentView:
    return IncidentView.model_validate(row, from_attributes=True)


def _report(row: object) -> ReportView:
    return ReportView.model_validate(row, from_attributes=True)


def _investigation(row: object) -> InvestigationView:
    return InvestigationView.model_validate(row, from_attributes=True)


def _alarm(row: object) -> AlarmView:
    return AlarmView.model_validate(row, from_attributes=True)


def _group(group: CostGroup) -> CostGroupView:
    return CostGroupView.model_validate(group, from_attributes=True)


class RequestsByHand:
    """Satisfies api.read_ports.ManualRequests."""

    def about_incident(self, incident: Incident, now: datetime, name: str) -> InvestigationRequested:
        return InvestigationRequested(
            tenant=incident.tenant,
            occurred_at=incident.occurred_at,
            investigation_id=ids.stable_id("inv", incident.incident_id, "manual", name),
            incident=incident,
            kind=RequestKind.MANUAL,
            policy="manual@1",
            reason="asked by hand",
            priority=_PRIORITY,
            observe_s=DEFAULT_POLICY.observe_s,
            requested_at=now,
        )

    def about_service(
        self, tenant: str, service: str, at: datetime, now: datetime, name: str
    ) -> InvestigationRequested:
        return self.about_incident(manual_request(tenant, service, at).incident, now, name)
