"""The query printed beside a finding on log lines, alarms, changes, calls or the past, run as it stands, returns what it says."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import AlarmRecord, LogRecord, Window
from infra.cli.compose.focus import Focus, of_calls, of_the_past
from schemas.events import KpiSamples
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.query import Query
from tests.fakes.disguise import moved
from tests.fakes.full_events import kpis, report
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy
from tests.integration.sinks.finding_shop import Shop, instant
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse

# What is old is deleted, and a name may hold anything.
LATER_S = float(int(time.time()) - 3600) - ALARM_AT
AWKWARD = "it's a 100%_\\ \U0001f6d2"


async def test_how_often_a_line_was_logged(shop: Shop) -> None:
    found = await shop.looked(moved(bad_deploy(), LATER_S), Source.LOGS)
    (burst,) = [one for one in found if one.kind == FindingKind.ERROR_BURST]
    (row,) = await shop.shown(burst)
    data = json.loads(burst.data)
    assert (row["before"], row["since"]) == (data.get("before", 0), data["observed"])
    assert row["first"] == burst.onset
    assert "NullPointerException in CartItem.merge" in row["one_of_them"]


async def test_lines_with_a_trace_and_with_a_status(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    trace = (
        "\n\tat com.acme.shop.Pool.take(Pool.java:12)\nCaused by: java.net.SocketTimeoutException: 100%_\n"
    )
    said = (
        f"Order 7 failed: java.lang.IllegalStateException: no pool{trace}",
        'POST /pay?x=1 "a_b" status=503',
    )
    template = data.logs[0]
    more = [
        replace(
            template, service="payment", time=data.window.start + 30 + place, message=text, severity="error"
        )
        for text in said
        for place in range(60)
    ]
    found = await shop.looked(replace(data, logs=(*data.logs, *more)), Source.LOGS)
    told = [one for one in found if one.service == "payment"]
    assert len(told) == 2
    for one in told:
        (row,) = await shop.shown(one)
        assert (row["before"], row["since"]) == (0, 60), one.statement


async def test_how_many_lines_of_a_service_come_as_usual(shop: Shop) -> None:
    found = await shop.looked(moved(bad_deploy(), LATER_S), Source.LOGS)
    (normal,) = [one for one in found if one.kind == FindingKind.NORMAL and one.service == "payment"]
    told, (row,) = json.loads(normal.data), await shop.shown(normal)
    assert row["since"] == told["after"] > 0
    assert row["before"] + row["since"] == told["lines"]


ASKED, CHARGED, FAILED = "take order {0}", "charge card of order {0}", "card service timed out for order {0}"


@pytest.mark.parametrize("named", ["trace id", "words", "span"])
@pytest.mark.parametrize("elsewhere", [False, True])
async def test_in_how_many_requests_a_line_is_written(shop: Shop, named: str, elsewhere: bool) -> None:
    """Of a service's own way, or of what its caller asked of it; lines of others are of the request as well."""
    data, lines = moved(healthy(), LATER_S), list[LogRecord]()
    begin = int(data.window.start) - 900
    for number, at in enumerate(range(begin, int(data.window.end), 3)):
        request = f"{number:08x}" * 4
        late = at >= data.window.start + 20 and number % 6
        caller = "shop" if elsewhere else "pay"
        ways = [
            (0.0, "edge", "enter {0}"),
            (0.5, caller, ASKED),
            *[(1.0, "pay", FAILED if late else CHARGED)],
        ]
        if elsewhere:
            ways = [*ways[:2], *([] if late else ways[2:])]
        for after, service, text in ways:
            lines.append(_line(at + after, service, text.format(number), request, named))
    found = await shop.looked(replace(data, logs=tuple(lines)), Source.LOGS)
    told = [one for one in found if "before_of" in json.loads(one.data)]
    assert {one.service for one in told} == {"pay"}
    for one in told:
        figures, (row,) = json.loads(one.data), await shop.shown(one)
        names = ("before", "before_of", "after", "after_of")
        assert [row[name] for name in names] == [figures[name] for name in names], one.statement
        assert f"{row['after']} of {row['after_of']} requests" in one.statement


def _line(at: float, service: str, text: str, request: str, named: str) -> LogRecord:
    if named == "trace id":
        return LogRecord(at, service, text, trace_id=request)
    span = f" span_id={request[:12]}{service}" if named == "span" else ""
    return LogRecord(at, service, f"{text} [request_id={request}{span}]", trace_id="00000000")


async def test_the_alarms_that_are_told_of(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    first = data.window.alarm_at
    raised = (
        AlarmRecord(first, "cart", AWKWARD, entity="a", indicator="cpu_usage", detail="from 1 to 2"),
        AlarmRecord(first + 2.5, "checkout", "Slow", entity="b", indicator="latency_p95"),
        AlarmRecord(first + 2.5, "checkout", "Slower", entity="c"),
        AlarmRecord(first + 30.0, "cart", "Again", entity="d", indicator="cpu_usage"),
    )
    found = await shop.looked(replace(data, alarms=raised, alarm_service=""), Source.ALARMS)
    shown = {(one.kind, one.service): await shop.shown(one) for one in found}
    (storm,) = next(rows for (kind, _), rows in shown.items() if kind == FindingKind.ALARM_STORM)
    (only,) = shown[FindingKind.FIRST_ALARM, "cart"]
    assert (storm["alarms"], storm["services"], storm["seconds"]) == (4, 2, 30.0)
    assert (only["name"], only["service"], only["occurred_at"]) == (AWKWARD, "cart", instant(first))
    of_cart = shown[FindingKind.METRIC_ALARM, "cart"]
    assert [row["name"] for row in of_cart] == [AWKWARD, "Again"]
    assert {row["name"] for row in shown[FindingKind.SYMPTOM, "checkout"]} == {"Slow", "Slower"}


async def test_the_change_that_is_told_of(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    other = replace(data.changes[0], service=AWKWARD, title=AWKWARD, time=data.window.alarm_at - 300)
    found = await shop.looked(replace(data, changes=(*data.changes, other)), Source.CHANGES)
    assert len(found) == len(data.changes) + 1
    for one in found:
        (row,) = await shop.shown(one)
        assert (row["service"], row["occurred_at"]) == (one.service, one.onset)
        assert row["title"] == json.loads(one.data)["title"]


async def test_of_what_was_not_there_all_that_was_read_is_shown(shop: Shop) -> None:
    data = moved(bad_deploy(), LATER_S)
    (nothing,) = await shop.looked(replace(data, changes=()), Source.CHANGES)
    assert nothing.kind == FindingKind.NO_DATA
    assert await shop.shown(nothing) == []
    assert "FROM changes" in nothing.query


async def test_the_calls_and_the_report_that_are_told_of(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    at = int(time.time()) - 600
    edges = [("web", "cart", 9.0), ("cart", "db", 7.0), ("web", "pay", 5.0)]
    series = tuple(
        KpiSamples(
            metric="traces_service_graph_request_total",
            labels={"client": client, "server": server},
            times_ms=(at * 1000,),
            values=(rate,),
        )
        for client, server, rate in edges
    )
    await land(landing, kpis(tenant, service="tempo", series=series))
    told = report(tenant, finished_at=instant(float(at)))
    await land(landing, told, told.model_copy(update={"event_id": "rep_again", "revision": 2}))
    window = Window(at - 60.0, float(at), at + 60.0, float(at))

    async def rows(focus: Focus, kind: FindingKind, **data: str) -> list[dict[str, Any]]:
        finding = Finding(
            source=Source.KPIS, kind=kind, service="cart", subject="s", statement="said", data=data
        )
        found = await clickhouse.query(Query("again", focus(finding, window)))
        return [dict(row) for row in found.rows]

    calls = await rows(of_calls(tenant), FindingKind.CALL_LATENCY)
    assert {(row["caller"], row["callee"], row["value"]) for row in calls} == set(edges[:2])
    (past,) = await rows(
        of_the_past(tenant), FindingKind.PAST_INCIDENT, investigation_id=told.investigation_id
    )
    assert json.loads(past["document"])["revision"] == 2
    runbook = Finding(
        source=Source.KNOWLEDGE, kind=FindingKind.RUNBOOK, service="", subject="s", statement="said"
    )
    assert of_the_past(tenant)(runbook, window).startswith("-- ")
    assert of_calls(tenant)(runbook, window) == ""
