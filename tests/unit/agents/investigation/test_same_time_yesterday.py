"""What happens at this time every day is no news: the KPI agent looks at the day before of whoever looks odd today."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.analysis.findings import FindingKind
from agents.analysis.signals import IncidentData, KpiSeries
from agents.investigation.memory import MemoryWindows
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.yesterday import span_before
from agents.ports import Fetched
from schemas.errors import UnavailableError
from schemas.events.evidence import Evidence
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy
from tests.fakes.incident_ports import context_for
from tests.fakes.node_orders import order_for

DAY = 86_400.0
QUIET, LOUD = healthy(), bad_deploy()


@dataclass(frozen=True)
class Asked(MemoryWindows):
    """Remembers who was read, and from when on; may refuse the day before."""

    away: bool = False
    reads: list[tuple[tuple[str, ...] | None, float]] = field(default_factory=list)

    async def kpis(self, tenant: str, services: Any, start: datetime, end: datetime) -> Fetched[KpiSeries]:
        self.reads.append((None if services is None else tuple(services), start.timestamp()))
        if self.away and start.timestamp() < ALARM_AT - DAY / 2:
            raise UnavailableError("yesterday is away", cure="Wait.")
        return await super().kpis(tenant, services, start, end)


def with_yesterday(data: IncidentData, before: IncidentData) -> IncidentData:
    """`data`, and the day before it what happens in `before`."""
    past = {(one.service, one.metric): one for one in before.kpis}
    kpis = []
    for one in data.kpis:
        then = past[one.service, one.metric]
        times = np.concatenate([then.times - DAY, one.times])
        kpis.append(replace(one, times=times, values=np.concatenate([then.values, one.values])))
    return replace(data, kpis=tuple(kpis))


async def looked(data: IncidentData, **more: Any) -> tuple[dict[tuple[str, str], Evidence], Asked, Any]:
    windows = Asked(data, away=more.pop("away", False))
    plain = context_for(data, **more)
    context = replace(plain, ports=replace(plain.ports, windows=windows))
    delta = await gather_kpis(order_for(context), context)
    return {(one.service, one.indicator): one for one in delta["evidence"]}, windows, delta


async def test_a_daily_peak_weighs_a_quarter_and_is_told_to_be_one() -> None:
    alone, _, _ = await looked(LOUD)
    daily, _, delta = await looked(with_yesterday(LOUD, LOUD))
    key = "cart", "cpu_usage"
    assert (daily[key].score or 0.0) == pytest.approx((alone[key].score or 0.0) / 4, rel=0.2)
    assert json.loads(daily[key].data)["yesterday"] > 0
    assert "as it did at that time the day before" in daily[key].statement
    assert all(one.query.count("-- kpis") == 2 for one in delta["evidence"])
    (cost,) = delta["costs"]
    assert cost.rows_read > sum(one.times.size for one in LOUD.kpis)


async def test_a_quiet_yesterday_explains_nothing() -> None:
    alone, _, _ = await looked(LOUD)
    calm, _, _ = await looked(with_yesterday(LOUD, QUIET))
    for key in (("cart", "cpu_usage"), ("checkout", "latency_p95")):
        assert calm[key].score == pytest.approx(alone[key].score, rel=0.1)
        assert "the day before" not in calm[key].statement


async def test_only_who_looks_odd_is_read_again_a_day_and_a_minute_earlier() -> None:
    _, windows, delta = await looked(LOUD)
    (everybody, start), (odd, before) = windows.reads
    assert everybody is None
    assert odd == ("cart", "checkout", "frontend")
    assert before == pytest.approx(start - DAY - 60)
    assert all(one.query.count("-- kpis") == 1 for one in delta["evidence"]), "it had nothing to show"


async def test_where_nothing_is_odd_the_day_before_is_not_read() -> None:
    found, windows, _ = await looked(QUIET)
    assert len(windows.reads) == 1
    assert {one.kind for one in found.values()} == {FindingKind.NORMAL}


async def test_pictures_show_today_alone() -> None:
    _, _, delta = await looked(with_yesterday(LOUD, LOUD))
    assert delta["pictures"]
    assert all(one.start.timestamp() > ALARM_AT - DAY / 2 for one in delta["pictures"])


async def test_a_day_before_that_cannot_be_read_is_tried_again_and_then_done_without() -> None:
    with pytest.raises(UnavailableError):
        await looked(LOUD, away=True, last_try=False)
    found, _, _ = await looked(LOUD, away=True)
    assert (found["cart", "cpu_usage"].score or 0.0) > 1


def test_a_baseline_of_days_has_yesterday_in_it_already() -> None:
    end = datetime(2026, 3, 9, 12, tzinfo=UTC)
    start = end - timedelta(days=3)
    first, last = span_before(start, end)
    assert first == start - timedelta(days=1, seconds=60)
    assert last < start
