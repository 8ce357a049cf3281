"""Lists in pages on a real ClickHouse front: every row once, in order, whatever is filtered and sorted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from api.http.views import IncidentView, ReportView
from schemas.errors import InvalidRequestError, NotFoundError
from schemas.events import (
    AlarmStatus,
    Decision,
    IncidentTransition,
    InvestigationState,
    RequestKind,
    Severity,
    Verdict,
)
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.queries.alarm_pages import ALARM_SORTS, AlarmFilter, alarm_page, get_alarm
from sinks.clickhouse.queries.conditions import Scope, WideScope
from sinks.clickhouse.queries.costs import CostDimension, costs_by
from sinks.clickhouse.queries.evidence_pages import (
    EVIDENCE_SORTS,
    EvidenceFilter,
    evidence_page,
    get_evidence,
)
from sinks.clickhouse.queries.incident_pages import INCIDENT_SORTS, IncidentFilter, incident_page
from sinks.clickhouse.queries.insert_marks import insert_marks
from sinks.clickhouse.queries.investigation_pages import (
    INVESTIGATION_SORTS,
    InvestigationFilter,
    get_investigation,
    investigation_page,
)
from sinks.clickhouse.queries.pages import Page, PageRequest, Position, SortType
from sinks.clickhouse.queries.report_pages import REPORT_SORTS, ReportFilter, report_page
from sinks.clickhouse.query import Query
from tests.fakes.full_events import (
    alarm,
    at,
    cost,
    decision,
    everything,
    evidence,
    incident,
    report,
    request,
    status,
)
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse

_Ask = Callable[[ClickHouse, Scope, PageRequest], Awaitable[Page[Any]]]
_LISTS: dict[str, tuple[_Ask, Sequence[str]]] = {
    "incidents": (incident_page, tuple(INCIDENT_SORTS)),
    "investigations": (investigation_page, tuple(INVESTIGATION_SORTS)),
    "evidence": (evidence_page, tuple(EVIDENCE_SORTS)),
    "reports": (report_page, tuple(REPORT_SORTS)),
    "alarms": (alarm_page, tuple(ALARM_SORTS)),
}
_SORTED = [(name, sort) for name, (_, sorts) in _LISTS.items() for sort in sorts]
_SEVERITIES = (Severity.MINOR, Severity.CRITICAL, Severity.WARNING)


def _scope(tenant: str, start: float = -10, end: float = 600) -> Scope:
    return Scope(tenant, at(start), at(end))


async def _fill(landing: ClickHouseLanding, tenant: str) -> None:
    """Seven of each, several with the same sort value, some without a score, each landed twice."""
    for first in (0, 100):
        for number in range(7):
            moment, name, severity = at(number // 2), f"inv_{number}", _SEVERITIES[number % 3]
            raw = alarm(tenant, fingerprint=name, occurred_at=moment, severity=severity)
            score = None if number % 3 == 0 else float(number // 2)
            confidence = None if score is None else score / 10
            rows = (
                raw,
                decision(raw),
                incident(tenant, f"inc_{number}", opened_at=moment, severity=severity),
                request(tenant, name, requested_at=moment, priority=number // 3),
                status(tenant, name, occurred_at=at(10 + number // 2)),
                evidence(tenant, name, occurred_at=moment, score=score),
                report(tenant, name, finished_at=moment, confidence=confidence, report_id=""),
            )
            for row in rows:
                await land(landing, row, first=first + number)


async def _walked(
    ask: _Ask, clickhouse: ClickHouse, scope: Scope, sort: str, *, descending: bool, limit: int
) -> list[Any]:
    rows: list[Any] = []
    after: Position | None = None
    for _ in range(20):
        page = await ask(clickhouse, scope, PageRequest(sort, descending, after, limit))
        assert len(page.rows) <= limit
        rows += page.rows
        after = page.next
        if after is None:
            return rows
    raise AssertionError("the pages have no end")


def _name(row: Any) -> str:
    for field in ("investigation_id", "incident_id"):
        if hasattr(row, field) and not hasattr(row, "finding"):
            return str(getattr(row, field))
    return str(row.event_id)


async def test_pages_hold_every_row_once_in_the_order_of_one_large_page(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)
    for name, sort in _SORTED:
        ask, _ = _LISTS[name]
        for descending in (True, False):
            whole = await ask(clickhouse, _scope(tenant), PageRequest(sort, descending, None, 1_000))
            cut = await _walked(ask, clickhouse, _scope(tenant), sort, descending=descending, limit=2)

            assert (len(whole.rows), whole.next) == (7, None), (name, sort)
            assert [_name(row) for row in cut] == [_name(row) for row in whole.rows], (name, sort, descending)


async def test_a_page_that_ends_with_the_rows_has_no_next(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, evidence(tenant), evidence(tenant, finding="b"))

    exact = await evidence_page(clickhouse, _scope(tenant), PageRequest("occurred_at", limit=2))

    assert len(exact.rows) == 2
    assert exact.next is None


async def test_what_comes_between_two_pages_moves_nothing(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    old = [evidence(tenant, finding=str(number), occurred_at=at(number)) for number in range(4)]
    await land(landing, *old)
    first = await evidence_page(clickhouse, _scope(tenant), PageRequest("occurred_at", limit=2))
    await land(landing, evidence(tenant, finding="new", occurred_at=at(9)), first=50)

    rest = await evidence_page(clickhouse, _scope(tenant), PageRequest("occurred_at", after=first.next))

    assert [*first.rows, *rest.rows] == old[::-1]


@pytest.mark.parametrize("name", _LISTS)
async def test_a_list_shows_its_tenant_only_and_its_sql_the_same_rows(
    name: str, clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    for event in everything(tenant):
        await land(landing, event)
    ask, (sort, *_) = _LISTS[name]

    mine = await ask(clickhouse, _scope(tenant), PageRequest(sort))
    foreign = await ask(clickhouse, _scope(f"{tenant}-other"), PageRequest(sort))
    before = await ask(clickhouse, _scope(tenant, -100, -50), PageRequest(sort))
    after = Position(at(900).isoformat(), "x'\\y")
    continued = await ask(clickhouse, _scope(tenant), PageRequest(sort, True, after))
    pasted = await clickhouse.query(Query("pasted", continued.info.sql))

    assert (len(mine.rows), len(foreign.rows), len(before.rows)) == (1, 0, 0)
    assert (len(continued.rows), len(pasted.rows)) == (1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        PageRequest("occurred_at; DROP TABLE evidence"),
        PageRequest("occurred_at", limit=0),
        PageRequest("occurred_at", limit=1_001),
        PageRequest("occurred_at", after=Position("yesterday", "ev_1")),
        PageRequest("occurred_at", after=Position("2026-11-20T12:00:00", "ev_1")),
        PageRequest("score", after=Position("nan", "ev_1")),
        PageRequest("score", after=Position("much", "ev_1")),
    ],
)
async def test_a_wrong_page_is_refused(wrong: PageRequest, clickhouse: ClickHouse, tenant: str) -> None:
    with pytest.raises(InvalidRequestError):
        await evidence_page(clickhouse, _scope(tenant), wrong)


def test_every_list_can_be_sorted_by_time() -> None:
    for sorts in (INCIDENT_SORTS, INVESTIGATION_SORTS, EVIDENCE_SORTS, REPORT_SORTS, ALARM_SORTS):
        assert next(iter(sorts.values())).type is SortType.INSTANT


async def test_incidents_are_filtered_as_their_last_transition_left_them(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    opened = incident(tenant)
    worse = incident(
        tenant, revision=2, transition=IncidentTransition.GREW, severity=Severity.CRITICAL, services=("db",)
    )
    moved = incident(tenant, "inc_2", opened_at=at(3))
    earlier = incident(tenant, "inc_2", opened_at=at(-100), revision=2)
    await land(landing, opened, worse, moved, earlier)

    async def ids(**only: Any) -> list[str]:
        page = await incident_page(
            clickhouse, _scope(tenant), PageRequest("opened_at"), IncidentFilter(**only)
        )
        return [one.incident_id for one in page.rows]

    assert await ids() == ["inc_1"]
    assert await ids(severities=("critical", "minor")) == ["inc_1"]
    assert await ids(severities=("major",)) == []
    assert await ids(service="db", transitions=("grew",)) == ["inc_1"]
    assert await ids(service="cart") == []
    assert await ids(transitions=("closed",)) == []
    assert await ids(alarm_name="HighLatency") == ["inc_1"]
    assert await ids(alarm_name="Other") == []


async def test_an_investigation_is_one_row_from_the_request_to_the_report(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    asked = request(tenant, requested_at=at(1))
    running = request(tenant, "inv_2", requested_at=at(2), kind=RequestKind.MANUAL)
    done = request(tenant, "inv_3", requested_at=at(3))
    cancel = request(tenant, "inv_3", requested_at=at(4), kind=RequestKind.CANCEL)
    only_cancel = request(tenant, "inv_4", requested_at=at(4), kind=RequestKind.CANCEL)
    await land(landing, asked, running, done, cancel, only_cancel)
    completed = status(tenant, "inv_3", state=InvestigationState.COMPLETED, progress=1.0, occurred_at=at(8))
    ghost = status(tenant, "inv_3", occurred_at=at(9), attempt=3)
    await land(landing, status(tenant, "inv_2"), completed, ghost)
    await land(landing, report(tenant, "inv_3"), report(tenant, "inv_3", revision=2, verdict=Verdict.BENIGN))

    page = await investigation_page(clickhouse, _scope(tenant), PageRequest("requested_at"))
    third, second, first = page.rows

    assert [one.state for one in page.rows] == ["completed", "running", "queued"]
    assert (first.last_at, first.attempt, first.verdict, first.revision) == (at(1), 0, None, 0)
    assert (first.cost_nano_usd, first.confidence, first.headline) == (None, None, "")
    assert (first.services, first.title) == (("cart", "checkout"), asked.incident.title)
    assert (second.kind, second.step, second.progress) == (RequestKind.MANUAL, "gather", 0.5)
    assert (third.verdict, third.revision, third.last_at) == (Verdict.BENIGN, 2, at(9))
    assert third.kind is RequestKind.TRIGGER
    assert await get_investigation(clickhouse, tenant=tenant, investigation_id="inv_3") == third
    for foreign in ((f"{tenant}-other", "inv_3"), (tenant, "inv_4"), ("", "inv_1")):
        with pytest.raises(NotFoundError):
            await get_investigation(clickhouse, tenant=foreign[0], investigation_id=foreign[1])


async def test_investigations_are_filtered(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, request(tenant), request(tenant, "inv_2", kind=RequestKind.MANUAL))
    await land(landing, status(tenant))
    await land(landing, report(tenant, "inv_2"))

    async def ids(**only: Any) -> list[str]:
        wanted = InvestigationFilter(**only)
        page = await investigation_page(clickhouse, _scope(tenant), PageRequest("requested_at"), wanted)
        return [one.investigation_id for one in page.rows]

    assert await ids() == ["inv_1", "inv_2"]
    assert await ids(states=("queued", "deferred")) == ["inv_2"]
    assert await ids(states=("running",), kinds=("trigger",)) == ["inv_1"]
    assert await ids(kinds=("manual",), verdicts=("cause_found",)) == ["inv_2"]
    assert await ids(service="checkout", incident_id="inc_1") == ["inv_1", "inv_2"]
    assert await ids(service="db") == []
    assert await ids(incident_id="inc_9") == []


async def test_evidence_is_filtered_and_found(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    strong = evidence(tenant)
    weak = evidence(tenant, "inv_2", step="logs", kind="new_log_template", service="db", score=0.5)
    unknown = evidence(tenant, "inv_2", finding="x", score=None, indicator="rps", incident_id="inc_2")
    infinite = evidence(tenant, "inv_3", score=float("inf"))
    await land(landing, strong, weak, unknown, infinite)

    async def found(**only: Any) -> set[str]:
        page = await evidence_page(clickhouse, _scope(tenant), PageRequest("score"), EvidenceFilter(**only))
        return {one.event_id for one in page.rows}

    assert await found(investigation_id="inv_2") == {weak.event_id, unknown.event_id}
    assert await found(service="cart", kinds=("level_shift",), indicator="cpu", incident_id="inc_1") == {
        strong.event_id,
        infinite.event_id,
    }
    assert await found(steps=("logs",)) == {weak.event_id}
    assert await found(min_score=0.5) == {strong.event_id, weak.event_id, infinite.event_id}
    assert await found(min_score=0.0, indicator="rps") == set()
    assert await get_evidence(clickhouse, tenant=tenant, evidence_id=strong.event_id) == strong
    with pytest.raises(NotFoundError):
        await get_evidence(clickhouse, tenant=f"{tenant}-other", evidence_id=strong.event_id)


async def test_reports_are_filtered_in_their_last_revision(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first = report(tenant)
    revised = report(tenant, revision=2, verdict=Verdict.BENIGN, causes=(), confidence=None)
    other = report(tenant, "inv_2", incident_id="inc_2", finished_at=at(20))
    await land(landing, first, revised, other)

    async def found(**only: Any) -> list[tuple[str, int]]:
        page = await report_page(clickhouse, _scope(tenant), PageRequest("finished_at"), ReportFilter(**only))
        return [(one.investigation_id, one.revision) for one in page.rows]

    assert await found() == [("inv_2", 1), ("inv_1", 2)]
    assert await found(verdicts=("benign",)) == [("inv_1", 2)]
    assert await found(service="checkout") == [("inv_2", 1), ("inv_1", 2)]
    assert await found(service="db") == [("inv_2", 1)]
    assert await found(cause="db") == [("inv_2", 1)]
    assert await found(cause="checkout") == []
    assert await found(incident_id="inc_2", min_confidence=0.8) == [("inv_2", 1)]
    assert await found(min_confidence=0.81) == []


async def test_a_list_shows_of_incidents_and_reports_what_the_whole_says(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    opened, told = incident(tenant), report(tenant)
    await land(landing, opened)
    await land(landing, told)

    (shown,) = (await incident_page(clickhouse, _scope(tenant), PageRequest("opened_at"))).rows
    (line,) = (await report_page(clickhouse, _scope(tenant), PageRequest("finished_at"))).rows

    assert IncidentView.model_validate(shown, from_attributes=True) == IncidentView.of(opened)
    assert ReportView.model_validate(line, from_attributes=True) == ReportView.of(told)


async def test_alarms_come_once_with_their_decisions(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first = alarm(tenant)
    silenced = alarm(tenant, name="Other", service="db", fingerprint="f-2", occurred_at=at(1))
    cleared = alarm(
        tenant,
        fingerprint="f-3",
        occurred_at=at(2),
        status=AlarmStatus.CLEARED,
        severity=Severity.CLEARED,
        source="grafana",
    )
    await land(landing, first, silenced, cleared, first, alarm(tenant, occurred_at=at(5)))
    await land(landing, decision(first), decision(silenced, Decision.SILENCED))
    await land(landing, decision(first, Decision.FLAPPING, decided_at=at(9)), first=9)

    async def names(**only: Any) -> list[str]:
        page = await alarm_page(clickhouse, _scope(tenant), PageRequest("occurred_at"), AlarmFilter(**only))
        return [one.fingerprint for one in page.rows]

    assert await names() == ["f-3", "f-2", "f-1"]
    assert await names(decisions=("silenced", "flapping")) == ["f-2", "f-1"]
    assert await names(decisions=()) == []
    assert await names(severities=("critical",), statuses=("firing",), service="cart") == ["f-1"]
    assert await names(name="Other", fingerprint="f-2") == ["f-2"]
    assert await names(source="grafana") == ["f-3"]
    found = await get_alarm(clickhouse, tenant=tenant, event_id=first.event_id)
    assert (found.messages, found.labels) == (3, first.labels)
    assert [one.decision for one in found.decisions] == [Decision.OPENED, Decision.FLAPPING]
    with pytest.raises(NotFoundError):
        await get_alarm(clickhouse, tenant=f"{tenant}-other", event_id=first.event_id)


async def test_costs_in_fewer_groups_than_there_are_still_total_all(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    entries = [cost(tenant, step=step, cost_nano_usd=n) for n, step in enumerate(("plan", "rank", "verify"))]
    await land(landing, *entries)
    scope = WideScope((tenant,), at(-1), at(60))

    two = await costs_by(clickhouse, CostDimension.STEP, scope, limit=2)
    three = await costs_by(clickhouse, CostDimension.STEP, scope, limit=3)

    assert [one.key for one in two.groups] == ["verify", "rank"]
    assert (two.total.cost_nano_usd, two.total.entries, two.truncated) == (3, 3, True)
    assert (len(three.groups), three.total, three.truncated) == (3, two.total, False)


async def test_marks_move_with_inserts_and_with_nothing_else(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, incident(tenant), first=0)
    before = await insert_marks(clickhouse)
    assert await insert_marks(clickhouse) == before

    await land(landing, incident(tenant, "inc_2"), first=1)
    after = await insert_marks(clickhouse)
    assert {table for table in after if after[table] != before.get(table)} == {"incidents"}

    await clickhouse.execute("OPTIMIZE TABLE incidents FINAL")
    assert await insert_marks(clickhouse) == after
