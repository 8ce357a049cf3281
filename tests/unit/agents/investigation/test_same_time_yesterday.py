"""What happens at this time every day is no news, and what stays away today is: the KPI agent looks at other days."""

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
from agents.investigation.other_days import span_before
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
    order = {name: more.pop(name) for name in ("near", "services") if name in more}
    plain = context_for(data, **more)
    context = replace(plain, ports=replace(plain.ports, windows=windows))
    delta = await gather_kpis(order_for(context, **order), context)
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


def on_days(data: IncidentData, days: dict[int, IncidentData]) -> IncidentData:
    """`data`, and so many days before it what happens in each of these."""
    for ago, before in sorted(days.items()):
        past = {(one.service, one.metric): one for one in before.kpis}
        kpis = []
        for one in data.kpis:
            then = past[one.service, one.metric]
            times = np.concatenate([then.times - ago * DAY, one.times])
            kpis.append(replace(one, times=times, values=np.concatenate([then.values, one.values])))
        data = replace(data, kpis=tuple(kpis))
    return data


def rush(factor: float = 2.0) -> IncidentData:
    """An ordinary day, and from the alarm on so many times as many requests to the frontend."""
    kpis = tuple(
        replace(one, values=np.where(one.times >= ALARM_AT - 30, factor * one.values, one.values))
        if (one.service, one.metric) == RATE
        else one
        for one in calm().kpis
    )
    return replace(QUIET, kpis=kpis)


def calm() -> IncidentData:
    one = next(one for one in QUIET.kpis if one.service == "frontend")
    return replace(QUIET, kpis=(*QUIET.kpis, replace(one, metric=RATE[1], values=50 + one.values * 0.01)))


RATE = "frontend", "request_rate"
NEAR = ("frontend", "checkout")


async def test_what_stays_away_is_found_of_those_near_by_two_days() -> None:
    found, windows, delta = await looked(on_days(calm(), {1: rush(), 7: rush()}), near=NEAR)
    assert "did not rise" in found[RATE].statement
    assert "on 2 of 2 earlier days" in found[RATE].statement
    data = json.loads(found[RATE].data)
    assert data["yesterday"] == pytest.approx(50, rel=0.1)
    assert data["week_before"] == pytest.approx(50, rel=0.1)
    start = windows.reads[0][1]
    others = [(who, round(start - at - 60)) for who, at in windows.reads[1:]]
    assert others == [(("checkout", "frontend"), DAY), (("checkout", "frontend"), 7 * DAY)]
    assert all(one.query.count("-- kpis") == 3 for one in delta["evidence"])


async def test_more_days_are_read_of_whose_two_do_not_settle_it() -> None:
    monday = on_days(calm(), {1: calm(), 2: calm(), 7: rush(), 14: rush()})
    found, windows, _ = await looked(monday, near=NEAR)
    assert "did not rise" in found[RATE].statement
    start = windows.reads[0][1]
    more = [(who, round((start - at - 60) / DAY)) for who, at in windows.reads[3:]]
    assert more == [(("frontend",), 2), (("frontend",), 14)]


async def test_a_day_off_is_no_news() -> None:
    found, _, _ = await looked(on_days(calm(), {1: rush(), 2: rush(), 7: calm()}), near=NEAR)
    assert {one.kind for one in found.values()} == {FindingKind.NORMAL}


async def test_nothing_older_is_read_where_nothing_is_stored_of_yesterday() -> None:
    found, windows, _ = await looked(calm(), near=NEAR)
    assert len(windows.reads) == 2
    assert {one.kind for one in found.values()} == {FindingKind.NORMAL}


async def test_whom_the_task_does_not_read_is_not_compared() -> None:
    _, windows, _ = await looked(on_days(calm(), {1: rush(), 7: rush()}), near=NEAR, services=("checkout",))
    assert {who for who, _ in windows.reads} == {("checkout",)}


async def test_other_days_that_cannot_be_read_are_done_without() -> None:
    found, _, _ = await looked(on_days(calm(), {1: rush(), 7: rush()}), near=NEAR, away=True)
    assert {one.kind for one in found.values()} == {FindingKind.NORMAL}


def test_a_baseline_of_days_has_yesterday_in_it_already() -> None:
    end = datetime(2026, 3, 9, 12, tzinfo=UTC)
    start = end - timedelta(days=3)
    first, last = span_before(start, end)
    assert first == start - timedelta(days=1, seconds=60)
    assert last < start
