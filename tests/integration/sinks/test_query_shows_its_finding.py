"""The query printed beside a finding, run as it stands, returns the figures that the finding quotes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agents.analysis.earlier_days import DAYS_BEFORE
from agents.analysis.findings import FindingKind, Source
from agents.analysis.signals import KpiSeries
from agents.investigation.ahead import Ahead
from schemas.events.evidence import Evidence
from tests.fakes.disguise import moved
from tests.fakes.incident_data import ALARM_AT, EARLIER, bad_deploy, bad_deploy_again, healthy
from tests.fakes.landing_times import stamped_ahead
from tests.integration.sinks.finding_shop import Shop, instant, window_of

pytestmark = pytest.mark.clickhouse

DAY_S = 86_400.0
# What is old is deleted, and a name may hold anything.
LATER_S = float(int(time.time()) - 3600) - ALARM_AT
AWKWARD = "it's a 100%_\\ \U0001f6d2"


async def levels(shop: Shop, found: Sequence[Evidence]) -> int:
    """How many findings' medians their queries return, all that have any."""
    told = [one for one in found if "notable" in one.data and one.kind != FindingKind.NORMAL]
    for one in told:
        data, row = json.loads(one.data), (await shop.shown(one))[0]
        assert row["metric"] == one.indicator
        usual = "usual" if "usual" in data else "before"
        assert (row[usual], row["after"]) == pytest.approx((data[usual], data["after"])), one.statement
        if data["yesterday"] is None and usual == "before" and not data["load_explained"]:
            assert one.score == pytest.approx(abs(row["after"] - row["before"]) / data["notable"])
        known = [name for name in DAYS_BEFORE if data.get(name) is not None]
        assert [name for name in DAYS_BEFORE if name in row] == known
        assert [row[name] for name in known] == pytest.approx([data[name] for name in known])
    return len(told)


async def test_medians_of_a_metric(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    awkward = replace(data.kpis[0], service=AWKWARD, metric=AWKWARD, labels={"pod": "a"}, unit="ms")
    rising = np.where(awkward.times >= data.window.start + 60, 3.0, 1.0)
    other = replace(awkward, labels={"pod": "b"}, values=awkward.values * rising)
    found = await shop.looked(replace(data, kpis=(*data.kpis, awkward, other)), Source.KPIS)
    assert {one.kind for one in found} >= {FindingKind.LEVEL_SHIFT, FindingKind.NORMAL}
    assert AWKWARD in {one.service for one in found}
    loud = [one for one in found if one.kind != FindingKind.NORMAL]
    assert await levels(shop, loud) == len(loud) >= 4


async def test_of_a_service_in_its_range_the_medians_of_all_its_metrics(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    (calm,) = [one for one in await shop.looked(data, Source.KPIS) if one.service == "payment"]
    told, rows = json.loads(calm.data), await shop.shown(calm)
    assert calm.kind == FindingKind.NORMAL
    assert [row["metric"] for row in rows] == sorted(
        {one.metric for one in data.kpis if one.service == "payment"}
    )
    assert len(rows) == told["metrics"]
    (strongest,) = (row for row in rows if row["metric"] == calm.indicator)
    assert (strongest["before"], strongest["after"]) == pytest.approx((told["before"], told["after"]))


async def test_without_what_another_incident_made_of_the_baseline(shop: Shop) -> None:
    data = moved(bad_deploy_again(), LATER_S)
    earlier = (EARLIER[0] + LATER_S, EARLIER[1] + LATER_S)
    found = await shop.looked(data, Source.KPIS, window_of(data, earlier))
    assert any("baseline_without" in one.data and (one.score or 0) > 1 for one in found)
    assert await levels(shop, found)


@pytest.mark.parametrize("off_s", [0.0, 1.9, -1.9])
async def test_beside_the_day_before(shop: Shop, off_s: float) -> None:
    data = moved(bad_deploy(), LATER_S)
    before = [replace(one, times=one.times - DAY_S + off_s, values=one.values * 1.25) for one in data.kpis]
    found = await shop.looked(replace(data, kpis=(*data.kpis, *before)), Source.KPIS)
    assert any(json.loads(one.data).get("yesterday") for one in found)
    assert await levels(shop, found)


@pytest.mark.parametrize("off_s", [0.0, 0.9, -0.9])
async def test_of_what_stayed_away_by_each_of_the_days(shop: Shop, off_s: float) -> None:
    data = moved(healthy(), LATER_S)
    times = np.arange(data.window.baseline_start, data.window.end, 2.0)
    calm = np.random.default_rng(1).normal(100.0, 1.0, times.size)
    rush = np.where(times >= data.window.alarm_at - 40, 2.0, 1.0)
    stay = KpiSeries("cart", "request_rate", times, calm)
    days = [
        replace(stay, times=times - ago * DAY_S + off_s, values=np.roll(calm, ago) * rush) for ago in (1, 7)
    ]
    found = await shop.looked(replace(data, kpis=(stay, *days)), Source.KPIS, near=("cart",))
    (one,) = [one for one in found if one.kind == FindingKind.LEVEL_SHIFT]
    assert "did not rise" in one.statement
    assert "on 2 of 2 earlier days" in one.statement
    assert one.direction == -1
    assert await levels(shop, found) == 1


async def test_how_a_metric_swings(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    times = np.arange(data.window.start - 1800, data.window.end, 2.0)
    swing = np.resize([-9.0, 0.5, 9.0, -0.5], times.size)
    values = 10 + swing * np.where(times >= data.window.start, 1.0, 0.02)
    one = KpiSeries("cart", "cpu_usage", times, values)
    (found,) = await shop.looked(replace(data, kpis=(one,)), Source.KPIS)
    assert found.kind == FindingKind.VARIANCE_CHANGE
    (row,) = await shop.shown(found)
    assert row["spread_after"] == pytest.approx(json.loads(found.data)["spread_after"])


async def test_what_a_service_reports_no_more(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    ended = [
        replace(one, values=np.where(one.times >= data.window.start + 40, np.nan, one.values))
        if one.service == "payment"
        else one
        for one in data.kpis
    ]
    found = await shop.looked(replace(data, kpis=tuple(ended)), Source.KPIS)
    (gone,) = [one for one in found if one.kind == FindingKind.MISSING_DATA]
    rows = await shop.shown(gone)
    assert len(rows) == json.loads(gone.data)["metrics"] > 1
    assert all(row["last"] < instant(data.window.start + 40) for row in rows)
    assert all(row["before"] > 100 and 0 < row["since"] < 20 for row in rows)


@pytest.mark.parametrize("source", [Source.KPIS, Source.LOGS])
async def test_of_a_clock_that_was_put_right_by_its_own_stamps(shop: Shop, source: Source) -> None:
    data = stamped_ahead(moved(bad_deploy(), LATER_S), 40.0, "cart")
    ahead = (Ahead(source=source, service="cart", seconds=40.0),)
    found = await shop.looked(data, source, window_of(data).model_copy(update={"ahead": ahead}))

    loud = [one for one in found if one.service == "cart" and (one.score or 0.0) > 1.0]
    assert loud
    if source is Source.KPIS:
        assert await levels(shop, loud) == len(loud)
    else:
        (row,) = await shop.shown(loud[0])
        assert row["first"] - loud[0].onset == timedelta(seconds=40)
    (clock,) = (one for one in found if one.kind == FindingKind.CLOCK_AHEAD)
    (row,) = await shop.shown(clock)
    assert (row["table"], row["service"]) == (source, "cart")
