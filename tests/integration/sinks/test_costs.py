from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import CostEntry, CostKind, Usage
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, CostGroup, costs_by
from sinks.clickhouse.query import Query
from tests.fakes.full_events import at, cost
from tests.integration.sinks.samples import FixedClock, land

pytestmark = pytest.mark.clickhouse

_LEDGERS = itertools.count()
_KEYS: dict[CostDimension, Callable[[CostEntry], str]] = {
    CostDimension.TENANT: lambda entry: entry.tenant,
    CostDimension.SERVICE: lambda entry: entry.service,
    CostDimension.ALARM: lambda entry: entry.alarm,
    CostDimension.MODEL: lambda entry: entry.model,
    CostDimension.STEP: lambda entry: entry.step,
    CostDimension.DAY: lambda entry: entry.occurred_at.date().isoformat(),
    CostDimension.KIND: lambda entry: entry.kind.value,
    CostDimension.INVESTIGATION: lambda entry: entry.investigation_id,
}
_TOKENS = st.none() | st.integers(0, 10**6)
_ENTRIES = st.fixed_dictionaries(
    {
        "tenant": st.sampled_from(["a", "b"]),
        "investigation_id": st.sampled_from(["inv_1", "inv_2", "inv_3"]),
        "service": st.sampled_from(["", "cart", "db"]),
        "alarm": st.sampled_from(["", "HighErrorRate"]),
        "model": st.sampled_from(["", "gpt-5", "qwen"]),
        "step": st.sampled_from(["plan", "rank"]),
        "kind": st.sampled_from(CostKind),
        "cost_nano_usd": st.none() | st.integers(-(10**12), 10**12),
        "usage": st.builds(
            Usage,
            input_uncached=_TOKENS,
            cache_read=_TOKENS,
            cache_write=_TOKENS,
            output=_TOKENS,
            reasoning=_TOKENS,
        ),
        "rows_read": st.none() | st.integers(0, 10**9),
        "duration_ms": st.integers(0, 10**6),
        "occurred_at": st.integers(0, 3 * 86_400).map(at),
    }
)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _expected(key: str, entries: Sequence[CostEntry]) -> CostGroup:
    return CostGroup(
        key=key,
        entries=len(entries),
        unpriced=sum(entry.cost_nano_usd is None for entry in entries),
        cost_nano_usd=_sum(entry.cost_nano_usd for entry in entries),
        tokens={kind: _sum(getattr(entry.usage, kind) for entry in entries) for kind in Usage.model_fields},
        rows_read=_sum(entry.rows_read for entry in entries),
        duration_ms=sum(entry.duration_ms for entry in entries),
    )


def _grouped(dimension: CostDimension, entries: Iterable[CostEntry]) -> dict[str, CostGroup]:
    groups: dict[str, list[CostEntry]] = defaultdict(list)
    for entry in entries:
        groups[_KEYS[dimension](entry)].append(entry)
    return {key: _expected(key, members) for key, members in groups.items()}


def _ledger(drawn: list[dict[str, object]]) -> tuple[list[CostEntry], tuple[str, ...]]:
    """Entries of two tenants of the ledger's own; the attempt tells apart what is otherwise equal."""
    number = next(_LEDGERS)
    entries = []
    for attempt, values in enumerate(drawn, start=1):
        tenant = f"ledger-{number}-{values['tenant']}"
        own = {**values, "tenant": tenant, "attempt": attempt, "event_id": ""}
        entries.append(CostEntry.model_validate(cost(tenant).model_dump() | own))
    return entries, tuple(f"ledger-{number}-{name}" for name in ("a", "b"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(_ENTRIES, max_size=25), repeats=st.lists(st.integers(0, 24), max_size=10))
async def test_costs_add_up_by_every_dimension(
    drawn: list[dict[str, object]], repeats: list[int], clickhouse: ClickHouse
) -> None:
    entries, tenants = _ledger(drawn)
    landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch=tenants[0])
    again = [entries[index] for index in repeats if index < len(entries)]
    for first, part in ((0, entries), (100, again)):
        if part:
            await land(landing, *part, first=first)
    scope = WideScope(tenants, at(0), at(3 * 86_400))

    for dimension in CostDimension:
        report = await costs_by(clickhouse, dimension, scope)

        assert {group.key: group for group in report.groups} == _grouped(dimension, entries)
        assert len(report.groups) == len({group.key for group in report.groups})
        assert report.total == _expected("", entries)
        assert _sum(group.cost_nano_usd for group in report.groups) == report.total.cost_nano_usd
        assert sum(group.unpriced for group in report.groups) == report.total.unpriced


async def test_unpriced_entries_are_counted_apart_and_never_free(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(
        landing,
        cost(tenant, attempt=1, model="gpt-5", cost_nano_usd=0),
        cost(tenant, attempt=2, model="qwen", cost_nano_usd=None),
        cost(tenant, attempt=3, model="gpt-5", cost_nano_usd=7),
        cost(tenant, attempt=4, model="gpt-5", cost_nano_usd=None),
    )

    report = await costs_by(clickhouse, CostDimension.MODEL, WideScope((tenant,), at(0), at(60)))

    by_model = {group.key: (group.cost_nano_usd, group.unpriced, group.entries) for group in report.groups}
    assert by_model == {"gpt-5": (7, 1, 3), "qwen": (None, 1, 1)}
    assert (report.total.cost_nano_usd, report.total.unpriced) == (7, 2)
    assert [group.key for group in report.groups] == ["gpt-5", "qwen"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (CostFilter(service="cart"), {1, 2}),
        (CostFilter(model="qwen"), {2}),
        (CostFilter(kind=CostKind.QUERY), {3}),
        (CostFilter(investigation_id="inv_2"), {3}),
        (CostFilter(step="rank", service="cart"), {2}),
        (CostFilter(alarm="none"), set()),
    ],
)
async def test_filters_hold_together(
    only: CostFilter,
    expected: set[int],
    clickhouse: ClickHouse,
    landing: ClickHouseLanding,
    tenant: str,
) -> None:
    await land(
        landing,
        cost(tenant, attempt=1, duration_ms=1),
        cost(tenant, attempt=2, duration_ms=2, model="qwen", step="rank"),
        cost(tenant, "inv_2", attempt=3, duration_ms=4, service="db", kind=CostKind.QUERY),
    )

    report = await costs_by(clickhouse, CostDimension.STEP, WideScope((tenant,), at(0), at(60)), only)

    assert report.total.duration_ms == sum({1: 1, 2: 2, 3: 4}[attempt] for attempt in expected)
    assert report.total.entries == len(expected)


async def test_costs_outside_the_scope_are_left_out(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, *(cost(tenant, attempt=n, occurred_at=at(n)) for n in (1, 2, 3)))
    await land(landing, cost(f"{tenant}-other", attempt=9, occurred_at=at(2)), first=3)

    mine = await costs_by(clickhouse, CostDimension.TENANT, WideScope((tenant,), at(2), at(3)))
    nobody = await costs_by(clickhouse, CostDimension.TENANT, WideScope((), at(0), at(60)))
    all_tenants = await costs_by(clickhouse, CostDimension.TENANT, WideScope(None, at(0), at(60)))

    assert mine.total.entries == 2
    assert (nobody.groups, nobody.total.entries, nobody.total.cost_nano_usd) == ((), 0, None)
    assert {tenant, f"{tenant}-other"} <= {group.key for group in all_tenants.groups}


async def test_the_sql_of_a_cost_query_shows_the_same_figures_when_pasted(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, *(cost(tenant, attempt=n, step=f"s{n % 2}") for n in range(1, 6)))
    report = await costs_by(clickhouse, CostDimension.STEP, WideScope((tenant,), at(0), at(60)))

    pasted = await clickhouse.query(Query("pasted", report.info.sql))

    figures = [(row["key"], row["entries"], row["cost_nano_usd"]) for row in pasted.rows]
    wanted = [(one.key, one.entries, one.cost_nano_usd) for one in (*report.groups, report.total)]
    assert figures == wanted


async def test_the_daily_rollup_agrees_with_the_ledger(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    entries = [cost(tenant, attempt=n, occurred_at=at(n * 20_000), model=f"m{n % 2}") for n in range(1, 8)]
    entries.append(cost(tenant, attempt=9, cost_nano_usd=None, model="m0"))
    await land(landing, *entries)
    await land(landing, *entries[:4], first=50)

    sql = """SELECT toString(day) AS day, sum(cost_nano_usd) AS cost, sum(entries) AS entries,
  sum(unpriced_entries) AS unpriced FROM v_costs_daily WHERE tenant = {tenant:String} GROUP BY day ORDER BY day"""
    rollup = (await clickhouse.query(Query("rollup", sql, {"tenant": tenant}))).rows
    scope = WideScope((tenant,), at(0), at(0) + timedelta(days=9))
    report = await costs_by(clickhouse, CostDimension.DAY, scope)

    expected = {group.key: (group.cost_nano_usd, group.entries, group.unpriced) for group in report.groups}
    assert {row["day"]: (row["cost"], row["entries"], row["unpriced"]) for row in rollup} == expected
    assert sum(row["entries"] for row in rollup) == len(entries)


async def _count(clickhouse: ClickHouse, tenant: str) -> int:
    """Rows of the ledger as they are, not as FINAL makes them."""
    sql = "SELECT count() AS rows FROM costs WHERE tenant = {tenant:String}"
    (row,) = (await clickhouse.query(Query("rows", sql, {"tenant": tenant}))).rows
    rows: int = row["rows"]
    return rows


async def test_an_entry_stands_as_it_was_first_landed(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    dearer = cost(tenant, cost_nano_usd=9, occurred_at=at(5))
    await land(landing, cost(tenant, cost_nano_usd=4), dearer)
    await land(landing, dearer, cost(tenant, "inv_2", cost_nano_usd=1), first=2)
    await land(landing, dearer, first=4)

    report = await costs_by(clickhouse, CostDimension.INVESTIGATION, WideScope((tenant,), at(0), at(60)))

    assert [(group.key, group.cost_nano_usd) for group in report.groups] == [("inv_1", 4), ("inv_2", 1)]
    assert await _count(clickhouse, tenant) == 2


async def test_an_entry_of_an_earlier_log_is_not_landed_from_the_next(
    clickhouse: ClickHouse, tenant: str
) -> None:
    for epoch in ("first", "second"):
        landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch=f"{tenant}-{epoch}")
        await land(landing, cost(tenant))

    assert await _count(clickhouse, tenant) == 1


async def test_the_same_id_of_another_tenant_is_another_entry(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, cost(tenant), cost(f"{tenant}-other"))
    await land(landing, cost(f"{tenant}-third"), first=2)

    scope = WideScope((tenant, f"{tenant}-other", f"{tenant}-third"), at(0), at(60))
    assert (await costs_by(clickhouse, CostDimension.TENANT, scope)).total.entries == 3


@pytest.mark.parametrize(
    ("asked", "projection"),
    [
        ((CostDimension.SERVICE, CostFilter(alarm="A1")), "sums_by_alarm"),
        ((CostDimension.TENANT, CostFilter()), "sums_by"),
        ((CostDimension.MODEL, CostFilter(step="s1", kind=CostKind.LLM)), "sums_by_step"),
        ((CostDimension.DAY, CostFilter()), "sums_by"),
        ((CostDimension.MODEL, CostFilter(service="a")), ""),
        ((CostDimension.INVESTIGATION, CostFilter()), ""),
    ],
)
async def test_whole_days_are_read_from_the_sums_and_agree_with_the_entries(
    asked: tuple[CostDimension, CostFilter],
    projection: str,
    clickhouse: ClickHouse,
    landing: ClickHouseLanding,
    tenant: str,
) -> None:
    entries = [
        cost(
            tenant,
            f"inv_{n % 7}",
            attempt=n,
            occurred_at=at(n * 4_000),
            service="ab"[n % 2],
            alarm=f"A{n % 3}",
        )
        for n in range(1, 120)
    ]
    await land(landing, *(one.model_copy(update={"step": f"s{one.attempt % 2}"}) for one in entries))

    dimension, only = asked
    report = await costs_by(clickhouse, dimension, WideScope((tenant,), at(1), at(400_000)), only)

    sql = report.info.sql
    without = await clickhouse.query(Query("raw", f"{sql}, optimize_use_projections = 0"))
    shown = await clickhouse.query(Query("explained", f"EXPLAIN {sql}"))
    assert [(row["key"], row["entries"], row["cost_nano_usd"]) for row in without.rows] == [
        (one.key, one.entries, one.cost_nano_usd) for one in (*report.groups, report.total)
    ]
    assert projection in " ".join(row["explain"] for row in shown.rows)


async def test_rows_that_expire_leave_the_sums_too(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    past = FixedClock(datetime.now(UTC) - timedelta(days=3))
    leaving = ClickHouseLanding(clickhouse, FixedRetention(1), past, epoch=tenant)
    start = at(0) - timedelta(days=2)
    await land(leaving, cost(tenant, "inv_old", occurred_at=start + timedelta(hours=20)), first=7)
    await land(landing, cost(tenant, occurred_at=start + timedelta(hours=20)))
    await clickhouse.execute("OPTIMIZE TABLE costs FINAL")

    report = await costs_by(clickhouse, CostDimension.SERVICE, WideScope((tenant,), start, at(0)))

    assert (report.total.entries, await _count(clickhouse, tenant)) == (1, 1)
