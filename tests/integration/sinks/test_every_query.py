"""What holds for every query: tenants are apart, and its SQL shows the same rows when pasted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from schemas.errors import NotFoundError
from schemas.events import KpiSamples, Verdict
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.queries.alarms import alarm_window
from sinks.clickhouse.queries.audit import list_audit
from sinks.clickhouse.queries.conditions import Scope, WideScope
from sinks.clickhouse.queries.costs import CostDimension, costs_by
from sinks.clickhouse.queries.dead_letters import list_dead_letters
from sinks.clickhouse.queries.delays import landing_delays
from sinks.clickhouse.queries.feedback import list_feedback
from sinks.clickhouse.queries.incidents import (
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
from sinks.clickhouse.queries.windows import change_window, kpi_window, log_window, watermark
from sinks.clickhouse.query import Query, QueryInfo
from tests.fakes.full_events import NOON, at, everything, kpis
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse

_Asked = tuple[int, QueryInfo]
_Asking = Callable[[ClickHouse, str], Awaitable[_Asked]]


def _scope(tenant: str) -> Scope:
    return Scope(tenant, at(-1), at(600))


def _wide(tenant: str) -> WideScope:
    return WideScope((tenant,), at(-1), at(600))


async def _kpis(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await kpi_window(clickhouse, _scope(tenant))
    return len(answer.rows), answer.info


async def _logs(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await log_window(clickhouse, _scope(tenant))
    return len(answer.rows), answer.info


async def _delays(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await landing_delays(clickhouse, _scope(tenant))
    return len(answer.rows), answer.info


async def _changes(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await change_window(clickhouse, _scope(tenant))
    return len(answer.rows), answer.info


async def _alarms(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await alarm_window(clickhouse, _scope(tenant))
    return len(answer.rows), answer.info


async def _incidents(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await list_incidents(clickhouse, _scope(tenant), service="cart", open_only=True)
    return len(answer.rows), answer.info


async def _spans(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await incident_spans(
        clickhouse, _scope(tenant), services=("cart",), verdicts=(Verdict.CAUSE_FOUND,)
    )
    return len(answer.rows), answer.info


async def _transitions(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await incident_transitions(clickhouse, tenant=tenant, incident_id="inc_1")
    return len(answer.rows), answer.info


async def _reports(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await list_reports(clickhouse, _scope(tenant), verdict="cause_found")
    return len(answer.rows), answer.info


async def _history(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await incident_history(
        clickhouse, _scope(tenant), services=("cart",), alarm_names=("HighLatency",)
    )
    return len(answer.rows), answer.info


async def _investigations(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await list_investigations(clickhouse, _scope(tenant))
    return len(answer.rows), answer.info


async def _statuses(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await investigation_statuses(clickhouse, tenant=tenant, investigation_id="inv_1")
    return len(answer.rows), answer.info


async def _evidence(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await evidence_of(clickhouse, tenant=tenant, investigation_id="inv_1", step="kpis")
    return len(answer.rows), answer.info


async def _costs(clickhouse: ClickHouse, tenant: str) -> _Asked:
    report = await costs_by(clickhouse, CostDimension.DAY, _wide(tenant))
    return report.total.entries and 1 + len(report.groups), report.info


async def _dead_letters(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await list_dead_letters(clickhouse, _wide(tenant), reasons=("avro_decode",))
    return len(answer.rows), answer.info


async def _audit(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await list_audit(clickhouse, _scope(tenant), principal="ann")
    return len(answer.rows), answer.info


async def _feedback(clickhouse: ClickHouse, tenant: str) -> _Asked:
    answer = await list_feedback(clickhouse, _scope(tenant), investigation_id="inv_1")
    return len(answer.rows), answer.info


_QUERIES: list[_Asking] = [
    _kpis,
    _logs,
    _delays,
    _changes,
    _alarms,
    _incidents,
    _spans,
    _transitions,
    _reports,
    _history,
    _investigations,
    _statuses,
    _evidence,
    _costs,
    _dead_letters,
    _audit,
    _feedback,
]


async def _fill(landing: ClickHouseLanding, tenant: str) -> None:
    noon_ms = int(NOON.timestamp() * 1000)
    series = (KpiSamples(metric="cpu", times_ms=(noon_ms + 1, noon_ms + 2), values=(1.0, 2.0)),)
    for event in everything(tenant):
        await land(landing, kpis(tenant, series=series) if event.TOPIC == "kpis.raw" else event)


@pytest.mark.parametrize("ask", _QUERIES)
async def test_a_tenant_never_sees_anothers_rows(
    ask: _Asking, clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)

    rows, _ = await ask(clickhouse, tenant)
    foreign, _ = await ask(clickhouse, f"{tenant}-other")
    nobody, _ = await ask(clickhouse, "")

    assert rows > 0
    assert (foreign, nobody) == (0, 0)


@pytest.mark.parametrize("ask", _QUERIES)
async def test_the_sql_shows_as_many_rows_when_pasted(
    ask: _Asking, clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)

    rows, info = await ask(clickhouse, tenant)
    pasted = await clickhouse.query(Query("pasted", info.sql))

    assert "{" not in info.sql.replace("'{", "")
    assert len(pasted.rows) == rows
    assert info.rows_read > 0
    assert info.duration_ms > 0


async def test_single_things_are_not_found_for_another_tenant(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await _fill(landing, tenant)
    other = f"{tenant}-other"

    with pytest.raises(NotFoundError):
        await get_incident(clickhouse, tenant=other, incident_id="inc_1")
    with pytest.raises(NotFoundError):
        await get_report(clickhouse, tenant=other, investigation_id="inv_1")
    assert await watermark(clickhouse, _scope(other), "alarms") is None
    assert await watermark(clickhouse, _scope(tenant), "alarms") == NOON
