"""Feedback in the tables: whose last word it is, and how it adds up beside the reports."""

from __future__ import annotations

import pytest

from schemas.events import ReportedCause, Verdict
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.feedback import FeedbackGroup, feedback_groups, latest_feedback
from sinks.clickhouse.query import Query
from tests.fakes.full_events import at, feedback, report
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse


def _wide(tenant: str, start: float = -10, end: float = 600) -> WideScope:
    return WideScope((tenant,), at(start), at(end))


async def test_the_last_word_of_each_person_counts(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    first, then = feedback(tenant, score=0), feedback(tenant, score=100, occurred_at=at(300))
    bob = feedback(tenant, by="bob", score=35, occurred_at=at(200))
    elsewhere = feedback(tenant, investigation_id="inv_2", occurred_at=at(400))
    await land(landing, then, first, bob, elsewhere, feedback(f"{tenant}-other"), first)

    of_one = await latest_feedback(clickhouse, tenant=tenant, investigation_ids=["inv_1"])
    of_both = await latest_feedback(clickhouse, tenant=tenant, investigation_ids=["inv_1", "inv_2"])
    of_none = await latest_feedback(clickhouse, tenant=tenant, investigation_ids=[])

    assert of_one.rows == (then, bob)
    assert of_both.rows == (elsewhere, then, bob)
    assert of_none.rows == ()


async def test_the_view_shows_it_beside_the_newest_report(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(
        landing, report(tenant, mode="gpt-x"), report(tenant, revision=2, mode="gpt-y", confidence=None)
    )
    unknown = feedback(tenant, investigation_id="inv_gone", score=0, actual_service="")
    await land(landing, feedback(tenant), feedback(tenant, score=100, occurred_at=at(200)), unknown)

    sql = "SELECT * FROM v_latest_feedback WHERE tenant = {tenant:String} ORDER BY investigation_id"
    known, gone = (await clickhouse.query(Query("q", sql, {"tenant": tenant}))).rows

    assert (known["investigation_id"], known["by"], known["score"]) == ("inv_1", "ann", 100)
    assert (known["model"], known["verdict"], known["confidence"]) == ("gpt-y", "cause_found", None)
    assert (known["cause_service"], known["cause_kind"]) == ("cart", "cpu")
    assert (known["actual_service"], known["recurrence_of"]) == ("db", "inv_0")
    assert (gone["investigation_id"], gone["score"], gone["model"], gone["cause_kind"]) == (
        "inv_gone",
        0,
        "",
        "",
    )


async def test_it_adds_up_by_model_and_kind_of_fault(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    disk = ReportedCause(service="db", kind="disk", statement="full")
    none = report(tenant, "inv_3", verdict=Verdict.INCONCLUSIVE, causes=())
    reports = [report(tenant), report(tenant, "inv_2", causes=(disk,), mode="gpt-x"), none]
    await land(landing, *reports)
    said = [
        feedback(tenant, score=0),
        feedback(tenant, score=65, occurred_at=at(200)),
        feedback(tenant, by="bob", score=0),
        feedback(tenant, investigation_id="inv_2", score=100),
        feedback(tenant, investigation_id="inv_3", score=35),
        feedback(tenant, investigation_id="inv_2", by="late", score=0, occurred_at=at(700)),
    ]
    await land(landing, *said)

    found = await feedback_groups(clickhouse, _wide(tenant))

    assert found.rows == (
        FeedbackGroup(tenant, "deterministic", "cause_found", "cpu", 2, 32.5, 0, 1, 1),
        FeedbackGroup(tenant, "deterministic", "inconclusive", "", 1, 35.0, 0, 1, 0),
        FeedbackGroup(tenant, "gpt-x", "cause_found", "disk", 1, 100.0, 1, 0, 0),
    )
    assert (await feedback_groups(clickhouse, _wide(f"{tenant}-other"))).rows == ()
    assert (await feedback_groups(clickhouse, _wide(tenant), limit=1)).truncated


async def test_all_tenants_are_added_up_apart(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    other = f"{tenant}-other"
    await land(landing, feedback(tenant), feedback(other))
    every = await feedback_groups(clickhouse, WideScope(None, at(-10), at(600)))
    assert {tenant, other} <= {group.tenant for group in every.rows}
