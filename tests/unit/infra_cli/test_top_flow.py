"""Lag and rates of `tocsin top`, from metrics pages and from topics."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client import generate_latest

from infra.cli.top.flow import MetricsFlow, RateWindow, flow_of_pages, flow_of_topics
from infra.cli.top.look import Rates, StageLag
from infra.runtime.telemetry import PrometheusRecorder
from schemas.errors import UnavailableError
from schemas.metrics import ALARM_DECISIONS, CONSUMER_LAG, LANDED_ROWS


def page(lag: dict[tuple[str, str], int], landed: dict[str, int], decisions: dict[str, int]) -> str:
    """What a role writes, by the real recorder."""
    recorder = PrometheusRecorder.create()
    for (stage, topic), messages in lag.items():
        recorder.gauge(CONSUMER_LAG, messages, stage=stage, topic=topic)
    for table, rows in landed.items():
        recorder.count(LANDED_ROWS, rows, table=table)
    for decision, count in decisions.items():
        recorder.count(ALARM_DECISIONS, count, decision=decision)
    return generate_latest(recorder.registry).decode()


def test_pages_of_several_roles_are_summed_by_stage() -> None:
    triage = page(
        {("intake", "alarms.raw"): 3, ("correlate", "alarms.changed"): 0}, {}, {"opened": 2, "silenced": 5}
    )
    land = page({("land", "alarms.raw"): 1, ("land", "evidence"): 9}, {"evidence": 4, "alarms": 6}, {})
    another = page({("land", "evidence"): 5, ("land", "alarms.raw"): 2}, {"evidence": 1}, {})

    found = flow_of_pages([land, triage, another])

    assert found.lag == (
        StageLag("intake", 3, "alarms.raw"),
        StageLag("correlate", 0, "alarms.changed"),
        StageLag("land", 17, "evidence"),
    )
    assert found.totals == {"alarms": 7, "evidence": 5, "landed": 11}


def test_a_page_of_other_metrics_tells_nothing() -> None:
    found = flow_of_pages(["# TYPE up gauge\nup 1\n", ""])
    assert found.lag == ()
    assert set(found.totals.values()) == {0}


def topic(name: str, messages: int | None, **lags: int) -> dict[str, object]:
    readers = [{"group": group.replace("_", "."), "lag": lag} for group, lag in lags.items()]
    return {"topic": name, "messages": messages, "consumers": readers, "of_a_later_version": 1}


def test_topics_tell_the_same_by_groups() -> None:
    found = flow_of_topics(
        [
            topic("alarms.raw", 10, **{"acme_tocsin-triage": 4, "acme_tocsin_land": 1}),
            topic("evidence", 7, acme_tocsin_land=2),
            topic("kpis.raw", None),
            topic("incidents", 3, **{"acme_tocsin-triage": 6, "others": 1}),
        ]
    )

    assert found.lag == (
        StageLag("triage", 10, "incidents"),
        StageLag("land", 3, "evidence"),
        StageLag("others", 1, "incidents"),
    )
    assert found.totals == {"alarms": 10, "evidence": 7, "landed": 9 + 5}


def totals(alarms: float, evidence: float = 0, landed: float = 0) -> dict[str, float]:
    return {"alarms": alarms, "evidence": evidence, "landed": landed}


def test_rates_begin_with_the_second_look() -> None:
    window = RateWindow()
    assert window.rates(100, totals(5), "rows") == Rates(None, None, None, "rows")
    assert window.rates(102, totals(9, 1, 30), "rows") == Rates(2.0, 0.5, 15.0, "rows")
    assert window.rates(102, totals(9, 1, 30), "rows").landed_per_s == 15.0


def test_old_looks_are_forgotten() -> None:
    window = RateWindow(span_s=10)
    looks = range(0, 61, 2)
    (*_, rates) = [window.rates(at, totals(100 if at >= 20 else 0, at), "rows") for at in looks]
    assert (rates.alarms_per_s, rates.evidence_per_s) == (0.0, 1.0)
    assert len(window._seen) <= 7


def test_a_role_that_began_anew_begins_the_rates_anew() -> None:
    window = RateWindow()
    window.rates(0, totals(1_000), "rows")
    window.rates(2, totals(1_002), "rows")
    assert window.rates(4, totals(3), "rows").alarms_per_s is None
    assert window.rates(6, totals(7), "rows").alarms_per_s == 2.0


async def test_a_role_that_does_not_answer_is_left_out() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.port == 1:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, text=page({("land", "evidence"): 2}, {"evidence": 3}, {}))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        assert (await MetricsFlow(http, lambda: [1, 2]).flow()).totals["evidence"] == 3
        with pytest.raises(UnavailableError, match="no role answers"):
            await MetricsFlow(http, lambda: [1]).flow()
        with pytest.raises(UnavailableError, match="no role answers"):
            await MetricsFlow(http, list).flow()
