from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.sql import ControlStore
from infra.runtime.sql.sqlite import open_sqlite
from schemas.events import (
    AlarmStatus,
    ChangeKind,
    Decision,
    KpiSamples,
    LogLine,
    LogSeverity,
    Severity,
)
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.queries.alarms import alarm_window
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.windows import change_window, kpi_window, log_window, watermark
from sinks.clickhouse.query import Answer, Limit, Query
from tests.fakes.full_events import AWKWARD, LABELS, NOON, alarm, at, change, decision, kpis, logs
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse

_NOON_MS = int(NOON.timestamp() * 1000)


def _samples(
    metric: str, seconds: range, *, scale: float = 1.0, labels: dict[str, str] | None = None
) -> KpiSamples:
    return KpiSamples(
        metric=metric,
        labels=labels or {},
        unit="1",
        times_ms=tuple(_NOON_MS + 1000 * second for second in seconds),
        values=tuple(scale * second for second in seconds),
    )


def _scope(tenant: str, start: float = 0, end: float = 60) -> Scope:
    return Scope(tenant, at(start), at(end))


async def test_kpi_window_returns_columns_per_series(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    series = (_samples("cpu", range(-10, 100)), _samples("cpu", range(5), labels=LABELS))
    await land(landing, kpis(tenant, series=series), kpis(tenant, service="db", series=series[:1]))

    answer = await kpi_window(clickhouse, _scope(tenant, -5, 30))

    assert [(one.service, one.metric, one.labels) for one in answer.rows] == [
        ("cart", "cpu", LABELS),
        ("cart", "cpu", {}),
        ("db", "cpu", {}),
    ]
    whole = answer.rows[1]
    assert whole.times_ms.dtype == np.int64
    assert whole.values.dtype == np.float64
    assert whole.unit == "1"
    # Samples carry milliseconds, the window microseconds: the one just before its start is outside.
    np.testing.assert_array_equal(whole.times_ms, _NOON_MS + 1000 * np.arange(-4, 31))
    np.testing.assert_array_equal(whole.values, np.arange(-4.0, 31.0))
    assert answer.info.rows_read > 0
    assert not answer.truncated


async def test_a_sample_sent_twice_is_there_once_and_the_last_landed_holds(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, kpis(tenant, series=(_samples("cpu", range(10)),)), first=0)
    await land(landing, kpis(tenant, series=(_samples("cpu", range(5, 15), scale=2.0),)), first=1)

    (series,) = (await kpi_window(clickhouse, _scope(tenant, -1))).rows

    np.testing.assert_array_equal(series.times_ms, _NOON_MS + 1000 * np.arange(15))
    np.testing.assert_array_equal(series.values, [0, 1, 2, 3, 4, *range(10, 30, 2)])


async def test_a_missing_sample_is_nan(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    missing = KpiSamples(metric="cpu", times_ms=(_NOON_MS + 1000,), values=(math.nan,))
    await land(landing, kpis(tenant, series=(missing,)))

    (series,) = (await kpi_window(clickhouse, _scope(tenant))).rows

    assert np.isnan(series.values).all()


async def test_kpi_window_keeps_to_its_tenant_services_and_metrics(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    both = (_samples("cpu", range(3)), _samples("rps", range(3)))
    batches = [kpis(tenant, service=name, series=both) for name in ("cart", "db", "web")]
    await land(landing, *batches, kpis(f"{tenant}-other", series=both))

    answer = await kpi_window(clickhouse, _scope(tenant, -1), services=("cart", "db"), metrics=("rps",))
    nothing = await kpi_window(clickhouse, _scope(tenant, -1), services=())

    assert [(one.service, one.metric) for one in answer.rows] == [("cart", "rps"), ("db", "rps")]
    assert nothing.rows == ()


async def test_windows_say_when_their_limit_was_reached(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, kpis(tenant, series=(_samples("cpu", range(10)),)))
    await land(landing, *(change(tenant, occurred_at=at(n)) for n in range(5)))

    samples = await kpi_window(clickhouse, _scope(tenant, -1), limit=Limit(4))
    changes = await change_window(clickhouse, _scope(tenant), limit=Limit(3))

    assert (len(samples.rows[0].values), samples.truncated) == (4, True)
    assert (len(changes.rows), changes.truncated) == (3, True)


async def test_of_too_many_changes_the_latest_are_returned_in_order(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, *(change(tenant, occurred_at=at(n)) for n in (4, 1, 3, 0, 2)))

    changes = await change_window(clickhouse, _scope(tenant, -1), limit=Limit(3))

    assert [row.occurred_at for row in changes.rows] == [at(2), at(3), at(4)]


async def test_of_too_many_lines_the_same_few_are_returned_each_time_also_when_landed_twice(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    lines = tuple(LogLine(at=at(n / 10), message=f"line {n}") for n in range(500))
    await land(landing, logs(tenant, records=lines), first=0)

    once = await log_window(clickhouse, _scope(tenant), limit=Limit(100))
    await land(landing, logs(tenant, records=lines), first=1)
    twice = await log_window(clickhouse, _scope(tenant), limit=Limit(200))

    assert (once.one_in, once.truncated) == (6, True)
    assert 0 < len(once.rows) <= 100
    assert (twice.one_in, twice.rows) == (once.one_in, once.rows)
    assert max(row.at for row in once.rows) > at(30)


async def test_log_window_returns_lines_in_order_once(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    lines = tuple(LogLine(at=at(n), severity=LogSeverity.WARN, message=f"line {n}") for n in (3, 1, 2, 99))
    await land(landing, logs(tenant, records=lines), logs(tenant, service="db"), first=0)
    await land(landing, logs(tenant, records=lines), first=2)

    answer = await log_window(clickhouse, _scope(tenant), services=("cart",))
    everything = await log_window(clickhouse, _scope(tenant))

    assert [row.message for row in answer.rows] == ["line 1", "line 2", "line 3"]
    assert [row.at for row in answer.rows] == [at(1), at(2), at(3)]
    assert {row.severity for row in answer.rows} == {LogSeverity.WARN}
    (awkward,) = (row for row in everything.rows if row.service == "db" and row.message != "bye")
    assert (awkward.message, awkward.attributes, awkward.trace_id) == (AWKWARD, LABELS, "t1")


async def test_the_agents_read_lines_with_the_trace_that_each_belongs_to(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, tmp_path: Path
) -> None:
    lines = (LogLine(at=at(1), message="asked", trace_id="trace-1"), LogLine(at=at(2), message="idle"))
    await land(landing, logs(tenant, records=lines))

    async with open_sqlite(tmp_path / "control.db") as control:
        windows = ClickHouseWindows(clickhouse, ControlStore(control))
        fetched = await windows.logs(tenant, ["cart"], at(0), at(60))

    assert [(one.message, one.trace_id) for one in fetched.items] == [("asked", "trace-1"), ("idle", "")]


async def test_two_equal_lines_of_one_batch_are_two(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    line = LogLine(at=at(1), message="again")
    await land(landing, logs(tenant, records=(line, line)))

    assert len((await log_window(clickhouse, _scope(tenant))).rows) == 2


async def test_change_window_returns_changes_once(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, change(tenant), change(tenant, occurred_at=at(7), service="db"), change(tenant))

    answer = await change_window(clickhouse, _scope(tenant))

    assert [(row.service, row.kind) for row in answer.rows] == [
        ("cart", ChangeKind.DEPLOY),
        ("db", ChangeKind.DEPLOY),
    ]
    assert (answer.rows[0].title, answer.rows[0].labels) == (AWKWARD, LABELS)


async def test_alarm_window_joins_decisions_and_counts_repeats(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    firing = alarm(tenant)
    cleared = alarm(tenant, status=AlarmStatus.CLEARED, severity=Severity.CLEARED, occurred_at=at(30))
    undecided = alarm(tenant, fingerprint="f-2", service="db", occurred_at=at(5))
    await land(
        landing, firing, firing, undecided, cleared, alarm(tenant, fingerprint="f-3", occurred_at=at(61))
    )
    opened = decision(firing)
    repeated = decision(firing, Decision.DEDUPLICATED, decided_at=at(3), reason="seen before")
    await land(landing, repeated, opened, decision(cleared, Decision.CLEARED), opened)

    answer = await alarm_window(clickhouse, _scope(tenant))
    of_db = await alarm_window(clickhouse, _scope(tenant), services=("db",), names=("HighErrorRate",))

    assert [row.event_id for row in answer.rows] == [firing.event_id, undecided.event_id, cleared.event_id]
    first, second, third = answer.rows
    assert (first.messages, second.messages) == (2, 1)
    assert [one.decision for one in first.decisions] == [Decision.OPENED, Decision.DEDUPLICATED]
    assert first.decisions[1].reason == "seen before"
    assert second.decisions == ()
    assert (third.status, [one.decision for one in third.decisions]) == (
        AlarmStatus.CLEARED,
        [Decision.CLEARED],
    )
    assert (first.summary, first.labels, first.value) == (AWKWARD, LABELS, 0.25)
    assert [row.event_id for row in of_db.rows] == [undecided.event_id]


async def test_watermark_is_the_latest_event_time_within_bounds(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    assert await watermark(clickhouse, _scope(tenant), "kpis") is None
    await land(landing, kpis(tenant, series=(_samples("cpu", range(10)), _samples("rps", range(4)))))
    await land(
        landing, logs(tenant, records=(LogLine(at=at(4), message="m"), LogLine(at=at(9e6), message="late")))
    )
    await land(landing, change(tenant), change(f"{tenant}-other", occurred_at=at(50)))
    await land(landing, alarm(tenant, occurred_at=at(8)))

    latest = await watermark(clickhouse, _scope(tenant), "kpis")
    assert latest is not None
    assert int(latest.timestamp() * 1000) == _NOON_MS + 9000
    assert await watermark(clickhouse, _scope(tenant), "logs") == at(4)
    assert await watermark(clickhouse, _scope(tenant), "changes") == NOON
    assert await watermark(clickhouse, _scope(tenant), "alarms") == at(8)


_WINDOWS: list[Callable[[ClickHouse, Scope], Awaitable[Answer[Any]]]] = [
    kpi_window,
    log_window,
    change_window,
    alarm_window,
]


@pytest.mark.parametrize("window", _WINDOWS)
async def test_the_sql_of_a_window_reproduces_its_rows_when_pasted(
    window: Callable[..., Awaitable[Answer[Any]]],
    clickhouse: ClickHouse,
    landing: ClickHouseLanding,
    tenant: str,
) -> None:
    odd = "it's {a:String} \\ 'service'"
    await land(landing, kpis(tenant, service=odd, series=(_samples("cpu", range(1, 9)),)))
    await land(landing, logs(tenant, service=odd))
    await land(landing, change(tenant, service=odd, occurred_at=at(1)))
    raw = alarm(tenant, service=odd, occurred_at=at(1))
    await land(landing, raw)
    await land(landing, decision(raw))

    answer = await window(clickhouse, _scope(tenant), services=(odd, "another"))
    pasted = await clickhouse.query(Query("pasted", answer.info.sql))

    assert len(pasted.rows) == len(answer.rows) > 0
    assert {row["service"] for row in pasted.rows} == {odd}
    if window is kpi_window:
        np.testing.assert_array_equal(answer.rows[0].values, pasted.rows[0]["values"])
        np.testing.assert_array_equal(answer.rows[0].times_ms, pasted.rows[0]["times_ms"])
