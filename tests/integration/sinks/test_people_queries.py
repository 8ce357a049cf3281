from __future__ import annotations

import pytest

from schemas.errors import NotFoundError
from schemas.events import IncidentTransition, InvestigationState, Report, Verdict
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.queries.audit import list_audit
from sinks.clickhouse.queries.conditions import Scope, WideScope
from sinks.clickhouse.queries.dead_letters import get_dead_letter, list_dead_letters
from sinks.clickhouse.queries.feedback import list_feedback
from sinks.clickhouse.queries.incidents import (
    IncidentSpan,
    get_incident,
    incident_spans,
    incident_transitions,
    list_incidents,
)
from sinks.clickhouse.queries.investigations import (
    evidence_of,
    investigation_statuses,
    list_investigations,
)
from sinks.clickhouse.queries.reports import get_report, incident_history, list_reports
from sinks.clickhouse.query import Query
from tests.fakes.full_events import at, audit, dead_letter, evidence, feedback, incident, report, status
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse


def _scope(tenant: str, start: float = -10, end: float = 600) -> Scope:
    return Scope(tenant, at(start), at(end))


async def test_incidents_are_listed_as_their_last_transition_left_them(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    opened = incident(tenant)
    grown = incident(tenant, revision=2, transition=IncidentTransition.GREW, occurred_at=at(900))
    later = incident(tenant, "inc_2", opened_at=at(5), services=("db",))
    over = incident(tenant, "inc_3", opened_at=at(6), transition=IncidentTransition.CLOSED)
    outside = incident(tenant, "inc_4", opened_at=at(601))
    await land(landing, grown, opened, later, over, outside)
    await land(landing, opened, first=9)

    every = await list_incidents(clickhouse, _scope(tenant))
    still_open = await list_incidents(clickhouse, _scope(tenant), open_only=True)
    of_db = await list_incidents(clickhouse, _scope(tenant), service="db")

    assert every.rows == (over, later, grown)
    assert still_open.rows == (later, grown)
    assert of_db.rows == (later,)


async def test_an_incident_is_found_with_how_it_came_there(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    opened = incident(tenant)
    closed = incident(tenant, revision=2, transition=IncidentTransition.CLOSED)
    await land(landing, opened, closed, opened)

    assert await get_incident(clickhouse, tenant=tenant, incident_id="inc_1") == closed
    assert (await incident_transitions(clickhouse, tenant=tenant, incident_id="inc_1")).rows == (
        closed,
        opened,
    )
    with pytest.raises(NotFoundError):
        await get_incident(clickhouse, tenant="somebody-else", incident_id="inc_1")


async def _spans(
    clickhouse: ClickHouse, scope: Scope, *services: str, verdict: Verdict = Verdict.CAUSE_FOUND
) -> tuple[IncidentSpan, ...]:
    found = await incident_spans(clickhouse, scope, services=services or ("cart",), verdicts=(verdict,))
    return found.rows


async def test_an_incident_lasts_until_its_alarms_were_over(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    opened = incident(tenant, opened_at=at(0))
    cleared = incident(
        tenant, revision=2, transition=IncidentTransition.CLEARED, opened_at=at(0), occurred_at=at(90)
    )
    closed = incident(
        tenant, revision=3, transition=IncidentTransition.CLOSED, opened_at=at(0), occurred_at=at(390)
    )
    await land(landing, report(tenant))
    await land(landing, opened)
    assert await _spans(clickhouse, _scope(tenant)) == (IncidentSpan("inc_1", at(0), None),)

    await land(landing, cleared, closed, first=9)

    assert await _spans(clickhouse, _scope(tenant)) == (IncidentSpan("inc_1", at(0), at(90)),)
    assert await _spans(clickhouse, _scope(tenant, start=91)) == ()
    assert await _spans(clickhouse, _scope(tenant, end=-5)) == ()


@pytest.mark.parametrize("ending", [IncidentTransition.CLOSED, IncidentTransition.MERGED])
async def test_an_incident_that_never_cleared_lasts_until_it_was_given_up(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, ending: IncidentTransition
) -> None:
    over = incident(tenant, revision=2, transition=ending, opened_at=at(0), occurred_at=at(300))
    await land(landing, report(tenant))
    await land(landing, incident(tenant, opened_at=at(0)), over)

    assert await _spans(clickhouse, _scope(tenant)) == (IncidentSpan("inc_1", at(0), at(300)),)


async def test_the_last_word_on_an_incident_tells_whether_something_was_wrong(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    harmless = report(tenant, revision=2, verdict=Verdict.BENIGN, causes=(), occurred_at=at(20))
    await land(landing, report(tenant))
    await land(landing, incident(tenant, opened_at=at(0)))
    assert len(await _spans(clickhouse, _scope(tenant), "checkout", "nobody")) == 1
    assert await _spans(clickhouse, _scope(tenant), "nobody") == ()

    await land(landing, harmless, first=9)

    assert await _spans(clickhouse, _scope(tenant)) == ()
    assert len(await _spans(clickhouse, _scope(tenant), verdict=Verdict.BENIGN)) == 1


async def test_reports_are_listed_in_their_last_revision(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first = report(tenant)
    revised = report(tenant, revision=2, verdict=Verdict.BENIGN, finished_at=at(700))
    other = report(tenant, "inv_2", incident_id="inc_2", finished_at=at(20))
    await land(landing, first, other, revised, first)

    answer = await list_reports(clickhouse, _scope(tenant))
    benign = await list_reports(clickhouse, _scope(tenant), verdict="benign")
    of_incident = await list_reports(clickhouse, _scope(tenant), incident_id="inc_2")

    assert answer.rows == (revised, other)
    assert benign.rows == (revised,)
    assert of_incident.rows == (other,)


async def test_a_report_is_found_by_investigation_and_revision(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first, second = report(tenant), report(tenant, revision=2)
    await land(landing, first, second)

    assert await get_report(clickhouse, tenant=tenant, investigation_id="inv_1") == second
    assert await get_report(clickhouse, tenant=tenant, investigation_id="inv_1", revision=1) == first
    with pytest.raises(NotFoundError):
        await get_report(clickhouse, tenant=tenant, investigation_id="inv_1", revision=3)
    with pytest.raises(NotFoundError):
        await get_report(clickhouse, tenant="somebody-else", investigation_id="inv_1")


async def test_history_carries_the_signature_of_the_incident(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    past = report(tenant)
    unknown_incident = report(tenant, "inv_2", incident_id="inc_lost", services=("db",), finished_at=at(20))
    await land(landing, past, unknown_incident)
    await land(landing, incident(tenant), incident(tenant, revision=2))

    answer = await incident_history(clickhouse, _scope(tenant))
    alike = await incident_history(
        clickhouse, _scope(tenant), services=("cart", "x"), alarm_names=("HighErrorRate",)
    )
    unlike = await incident_history(clickhouse, _scope(tenant), alarm_names=("Other",))
    before = await incident_history(clickhouse, _scope(tenant, end=15))

    assert [one.report for one in answer.rows] == [unknown_incident, past]
    assert answer.rows[0].alarm_names == ()
    assert answer.rows[1].alarm_names == ("HighErrorRate", "HighLatency")
    assert answer.rows[1].services == ("cart", "checkout")
    assert [one.report for one in alike.rows] == [past]
    assert unlike.rows == ()
    assert [one.report for one in before.rows] == [past]


async def test_evidence_comes_back_as_it_was_published(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    found = evidence(tenant)
    bare = evidence(
        tenant, step="logs", finding="x", score=None, onset=None, data_fresh_until=None, occurred_at=at(9)
    )
    await land(landing, bare, found, evidence(tenant, "inv_2"), found)

    assert (await evidence_of(clickhouse, tenant=tenant, investigation_id="inv_1")).rows == (found, bare)
    of_logs = await evidence_of(clickhouse, tenant=tenant, investigation_id="inv_1", step="logs")
    assert of_logs.rows == (bare,)
    assert (await evidence_of(clickhouse, tenant="else", investigation_id="inv_1")).rows == ()


async def test_an_investigation_stands_where_its_last_attempt_left_it(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    queued = status(tenant, state=InvestigationState.QUEUED, step="", attempt=1, occurred_at=at(1))
    second = status(tenant, attempt=2, step="plan", progress=0.2)
    late_first = status(tenant, attempt=1, step="rank", progress=0.9, occurred_at=at(8))
    await land(landing, queued, second, late_first, queued)

    (running,) = (await list_investigations(clickhouse, _scope(tenant))).rows

    assert (running.state, running.step, running.attempt) == (InvestigationState.RUNNING, "plan", 2)
    assert (running.first_at, running.last_at) == (at(1), at(8))


async def test_the_end_of_an_investigation_is_the_end(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    done = status(tenant, state=InvestigationState.COMPLETED, step="", progress=1.0, attempt=2)
    ghost = status(tenant, attempt=3, occurred_at=at(9))
    await land(landing, status(tenant), done, ghost)

    (row,) = (await list_investigations(clickhouse, _scope(tenant))).rows
    said = await investigation_statuses(clickhouse, tenant=tenant, investigation_id="inv_1")

    assert (row.state, row.progress) == (InvestigationState.COMPLETED, 1.0)
    assert said.rows == (status(tenant), done, ghost)


async def test_dead_letters_are_listed_by_tenant_and_reason(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first = dead_letter(tenant)
    other = dead_letter(tenant, source_offset=2, reason="bad_magic", occurred_at=at(1))
    foreign = dead_letter(f"{tenant}-other")
    await land(landing, first, other, foreign, first)
    mine = WideScope((tenant,), at(-1), at(10))

    answer = await list_dead_letters(clickhouse, mine)
    bad = await list_dead_letters(clickhouse, mine, reasons=("bad_magic",))
    every = await list_dead_letters(clickhouse, WideScope(None, at(-1), at(10)))

    assert [row.event_id for row in answer.rows] == [other.event_id, first.event_id]
    assert answer.rows[1].source_offset == 2**40
    assert [row.reason for row in bad.rows] == ["bad_magic"]
    assert {foreign.event_id, first.event_id} <= {row.event_id for row in every.rows}


async def test_a_dead_letter_comes_back_byte_by_byte(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    letter = dead_letter(tenant, source_topic=tenant)
    empty = dead_letter(tenant, source_topic=f"{tenant}-2", message_key=None, message_value=None, headers=())
    hollow = dead_letter(tenant, source_topic=f"{tenant}-3", message_key=b"", message_value=b"")
    await land(landing, letter, empty, hollow)

    for one in (letter, empty, hollow):
        assert await get_dead_letter(clickhouse, one.event_id) == one
    with pytest.raises(NotFoundError):
        await get_dead_letter(clickhouse, "dl_none")


async def test_views_show_the_newest_of_each(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, incident(tenant), incident(tenant, revision=2, title="grown"))
    await land(landing, report(tenant, revision=2, headline="revised"), report(tenant))

    incidents = "SELECT title FROM v_incidents WHERE tenant = {tenant:String}"
    reports = "SELECT headline, document FROM v_latest_reports WHERE tenant = {tenant:String}"

    assert (await clickhouse.query(Query("q", incidents, {"tenant": tenant}))).rows == ({"title": "grown"},)
    (row,) = (await clickhouse.query(Query("q", reports, {"tenant": tenant}))).rows
    assert row["headline"] == "revised" == Report.model_validate_json(row["document"]).headline


async def test_audit_is_listed_by_principal_and_action(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    read = audit(tenant)
    denied = audit(tenant, principal="bob", allowed=False, occurred_at=at(1))
    wrote = audit(tenant, action="policy.write", occurred_at=at(2))
    await land(landing, read, denied, wrote, read)

    every = await list_audit(clickhouse, _scope(tenant))
    of_bob = await list_audit(clickhouse, _scope(tenant), principal="bob")
    writes = await list_audit(clickhouse, _scope(tenant), action="policy.write", limit=1)

    assert every.rows == (wrote, denied, read)
    assert of_bob.rows == (denied,)
    assert (writes.rows, writes.truncated) == ((wrote,), True)


async def test_feedback_is_listed_by_investigation(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first = feedback(tenant)
    second = feedback(tenant, investigation_id="inv_2", occurred_at=at(200), score=0)
    await land(landing, first, second, first, feedback(f"{tenant}-other"))

    assert (await list_feedback(clickhouse, _scope(tenant))).rows == (second, first)
    assert (await list_feedback(clickhouse, _scope(tenant), investigation_id="inv_1")).rows == (first,)
