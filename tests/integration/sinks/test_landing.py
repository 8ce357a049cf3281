from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from schemas.errors import ConfigurationError, InvalidEventError, InvalidRequestError, UnavailableError
from schemas.events import LogLine
from schemas.metrics import LANDED_ROWS, Metric, NullRecorder
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, Columns, open_clickhouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.query import Query
from sinks.clickhouse.writers import WRITERS
from tests.fakes.clickhouse_server import ClickHouseServer
from tests.fakes.full_events import NOON, alarm, change, cost, everything, evidence, kpis, logs
from tests.integration.sinks.samples import FixedClock, land, messages

pytestmark = pytest.mark.clickhouse


@dataclass
class _Counts(NullRecorder):
    counted: dict[str, float] = field(default_factory=dict)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        assert metric is LANDED_ROWS
        self.counted[labels["table"]] = self.counted.get(labels["table"], 0) + amount


async def _count(clickhouse: ClickHouse, table: str, tenant: str) -> int:
    sql = f"SELECT count() AS rows FROM {table} WHERE tenant = {{tenant:String}}"  # noqa: S608 - the tests' own tables
    (row,) = (await clickhouse.query(Query("count", sql, {"tenant": tenant}))).rows
    rows: int = row["rows"]
    return rows


async def test_landing_again_with_the_same_token_lands_nothing_in_any_table(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    for event in everything(tenant):
        await land(landing, event)
        before = await _count(clickhouse, WRITERS[event.TOPIC].table, tenant)

        await land(landing, event)

        assert await _count(clickhouse, WRITERS[event.TOPIC].table, tenant) == before > 0


async def test_a_repeat_later_is_recognised_although_its_stamp_differs(
    clickhouse: ClickHouse, landing: ClickHouseLanding, clock: FixedClock, tenant: str
) -> None:
    await land(landing, kpis(tenant))
    clock.time = clock.time.replace(year=clock.time.year + 1)

    await land(landing, kpis(tenant))

    assert await _count(clickhouse, "kpis", tenant) == 3


async def test_another_token_lands_its_rows(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, alarm(tenant), first=0)
    await land(landing, alarm(tenant), first=1)

    assert await _count(clickhouse, "alarms", tenant) == 2


async def test_a_new_log_may_use_the_same_offsets(
    clickhouse: ClickHouse, clock: FixedClock, tenant: str
) -> None:
    for epoch in ("first", "second"):
        landing = ClickHouseLanding(clickhouse, FixedRetention(1), clock, epoch=f"{tenant}-{epoch}")
        await land(landing, change(tenant, title=epoch))

    assert await _count(clickhouse, "changes", tenant) == 2


async def test_views_show_an_event_landed_from_two_offsets_once(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    views = {"v_costs": cost(tenant), "v_evidence": evidence(tenant)}
    for view, event in views.items():
        await land(landing, event, first=0)
        await land(landing, event, first=1)

        assert await _count(clickhouse, view, tenant) == 1


async def test_every_id_table_has_a_view_without_repeats(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    for event in everything(tenant):
        table = WRITERS[event.TOPIC].table
        if table in {"alarms", "changes", "kpis", "logs"}:
            continue
        view = "v_incident_transitions" if table == "incidents" else f"v_{table}"
        await land(landing, event, first=0)
        await land(landing, event, first=1)

        assert await _count(clickhouse, view, tenant) == 1, view


async def test_many_samples_land_as_one_part(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    series = [{"metric": f"m{n}", "times_ms": range(20_000), "values": [1.0] * 20_000} for n in range(10)]

    await land(landing, kpis(tenant, series=series))

    parts = "SELECT uniqExact(_part) AS parts, count() AS rows FROM kpis WHERE tenant = {tenant:String}"
    (row,) = (await clickhouse.query(Query("parts", parts, {"tenant": tenant}))).rows
    assert row == {"parts": 1, "rows": 200_000}


async def test_many_lines_land_as_one_part(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    """The client sends them as several blocks; were these several parts, a crash between them would show a half."""
    batches = [
        logs(tenant, records=tuple(LogLine(at=NOON, message=f"{n} {'x' * 300}") for n in range(5_000)))
        for _ in range(6)
    ]

    await land(landing, *batches)

    parts = "SELECT uniqExact(_part) AS parts, count() AS rows FROM logs WHERE tenant = {tenant:String}"
    (row,) = (await clickhouse.query(Query("parts", parts, {"tenant": tenant}))).rows
    assert row == {"parts": 1, "rows": 30_000}


async def test_concurrent_repeats_land_once(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await asyncio.gather(*(land(landing, kpis(tenant)) for _ in range(5)))

    assert await _count(clickhouse, "kpis", tenant) == 3


async def test_rows_are_counted_by_table(clickhouse: ClickHouse, clock: FixedClock, tenant: str) -> None:
    counts = _Counts()
    landing = ClickHouseLanding(clickhouse, FixedRetention(1), clock, recorder=counts, epoch=tenant)

    await land(landing, kpis(tenant))
    await land(landing, alarm(tenant))

    assert counts.counted == {"kpis": 3, "alarms": 1}


@pytest.mark.parametrize("topic", ["nonsense", "alarms.raw"])
async def test_nothing_lands_from_nowhere(topic: str, landing: ClickHouseLanding) -> None:
    with pytest.raises(InvalidRequestError):
        await landing.insert(topic, [], "t:0:0-0")


async def test_a_value_its_column_cannot_hold_is_terminal(clickhouse: ClickHouse) -> None:
    columns = Columns(("number",), ("UInt32",), ([2**40],))

    with pytest.raises(InvalidEventError) as caught:
        await clickhouse.insert("schema_migrations", columns, "too-large")

    assert caught.value.reason == "not_landable"


async def test_an_unmigrated_database_says_what_to_do(server: ClickHouseServer, tenant: str) -> None:
    async with open_clickhouse(ClickHouseAddress(server.url)) as clickhouse:
        with pytest.raises(ConfigurationError) as caught:
            await clickhouse.insert("nowhere", Columns(("a",), ("Int64",), ([1],)), "t")

    assert "tocsin migrate" in caught.value.cure


async def test_a_broken_retention_port_stops_the_landing(
    clickhouse: ClickHouse, clock: FixedClock, tenant: str
) -> None:
    class Down:
        async def days(self, tenant: str) -> int:
            raise UnavailableError("no tenants today")

    landing = ClickHouseLanding(clickhouse, Down(), clock, epoch=tenant)

    with pytest.raises(UnavailableError):
        await landing.insert("alarms.raw", messages([alarm(tenant)]), "alarms.raw:0:0-0")
    assert await _count(clickhouse, "alarms", tenant) == 0
