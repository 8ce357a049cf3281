"""The KPI agent over ClickHouse: a peak that comes every day at this time is measured against yesterday's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.analysis.findings import Source
from agents.analysis.signals import IncidentData, KpiSeries, Window
from agents.investigation.memory import request_for
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gathering import GatherOrder
from agents.investigation.nodes.plan import first_window
from agents.investigation.state import GatherTask
from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.sql import ControlStore, open_database
from schemas.events import KpiBatch, KpiSamples
from schemas.events.evidence import Evidence
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.query import Query
from tests.fakes.full_events import kpis
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy
from tests.fakes.incident_ports import context_for
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse

DAY = 86_400.0


# One moment for all: samples of two landings are of the same seconds.
NOW = int(datetime.now(UTC).timestamp())


def lately(data: IncidentData) -> IncidentData:
    """The same an hour ago: what is old is deleted."""
    by = float(NOW - 3600 - int(ALARM_AT))
    window = data.window
    ends = (window.baseline_start, window.start, window.end, window.alarm_at)
    moved = tuple(replace(one, times=one.times + by) for one in data.kpis)
    return replace(data, kpis=moved, window=Window(*(at + by for at in ends)))


def batches(tenant: str, series: Sequence[KpiSeries], ago_s: float = 0.0) -> list[KpiBatch]:
    return [
        kpis(
            tenant,
            service=one.service,
            series=(
                KpiSamples(
                    metric=one.metric,
                    unit="1",
                    times_ms=tuple(round((at - ago_s) * 1000) for at in one.times),
                    values=tuple(float(value) for value in one.values),
                ),
            ),
        )
        for one in series
    ]


async def measured(
    data: IncidentData, tenant: str, clickhouse: ClickHouse, folder: Path
) -> dict[tuple[str, str], Evidence]:
    async with open_database(folder / "control.sqlite") as database:
        windows = ClickHouseWindows(clickhouse, ControlStore(database))
        context = context_for(data, windows=windows, request=request_for(data, tenant=tenant))
        order = GatherOrder(task=GatherTask(source=Source.KPIS), window=first_window(context))
        delta = await gather_kpis(order, context)
    return {(one.service, one.indicator): one for one in delta["evidence"]}


async def test_the_same_time_of_the_day_before_is_read_and_explains_what_it_did_too(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, tmp_path: Path
) -> None:
    loud, quiet = lately(bad_deploy()), lately(healthy())
    key = "cart", "cpu_usage"
    await land(landing, *batches(tenant, loud.kpis))
    alone = (await measured(loud, tenant, clickhouse, tmp_path))[key]
    await land(landing, *batches(tenant, quiet.kpis, DAY), first=100)
    calm = (await measured(loud, tenant, clickhouse, tmp_path))[key]
    await land(landing, *batches(tenant, loud.kpis, DAY), first=200)
    daily = (await measured(loud, tenant, clickhouse, tmp_path))[key]

    assert json.loads(alone.data)["yesterday"] is None
    assert alone.query.count("FROM kpis") == 1
    assert calm.score == pytest.approx(alone.score, rel=0.1)
    assert (daily.score or 0.0) == pytest.approx((alone.score or 0.0) / 4, rel=0.2)
    assert "as it did at that time the day before" in daily.statement
    shown = await clickhouse.query(Query("shown", daily.query))
    (row,) = shown.rows
    data = json.loads(daily.data)
    assert data["yesterday"] == pytest.approx(data["after"] - data["before"], rel=0.1)
    assert {name: row[name] for name in ("before", "after", "yesterday")} == pytest.approx(
        {name: data[name] for name in ("before", "after", "yesterday")}
    )
