"""Landing is exactly once whatever is repeated, and whoever dies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import RetryableError
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.migrate import Migrator, load_migrations
from sinks.clickhouse.query import Query
from tests.fakes.clickhouse_server import start_clickhouse
from tests.fakes.full_events import alarm, cost, kpis
from tests.integration.sinks.samples import FixedClock, land

pytestmark = pytest.mark.clickhouse

_LOGS = itertools.count()
_SAMPLES = 3


async def _offsets(clickhouse: ClickHouse, table: str, tenant: str) -> list[tuple[int, int]]:
    sql = (
        f"SELECT _offset, count() AS rows FROM {table} WHERE tenant = {{tenant:String}} "  # noqa: S608 - our own tables
        "GROUP BY _offset ORDER BY _offset"
    )
    found = await clickhouse.query(Query("offsets", sql, {"tenant": tenant}))
    return [(row["_offset"], row["rows"]) for row in found.rows]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    order=st.lists(st.integers(0, 4), max_size=12),
)
async def test_any_order_of_repeats_lands_each_offset_once(
    sizes: list[int], order: list[int], clickhouse: ClickHouse
) -> None:
    tenant = f"repeats-{next(_LOGS)}"
    landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch=tenant)
    firsts = [sum(sizes[:number]) for number in range(len(sizes))]
    every_batch_and_repeats = [*range(len(sizes)), *(number for number in order if number < len(sizes))]

    for number in every_batch_and_repeats:
        batch = [
            kpis(tenant, service=f"s{offset}")
            for offset in range(firsts[number], firsts[number] + sizes[number])
        ]
        await land(landing, *batch, first=firsts[number])

    expected = [(offset, _SAMPLES) for offset in range(sum(sizes))]
    assert await _offsets(clickhouse, "kpis", tenant) == expected


async def _land_stubbornly(landing: ClickHouseLanding, tenant: str, offsets: Sequence[int]) -> int:
    """Land one batch per offset, repeating each until it is acknowledged; return how often that took a repeat."""
    repeats = 0
    for offset in offsets:
        while True:
            try:
                await land(landing, kpis(tenant, service=f"s{offset}"), first=offset)
                break
            except RetryableError:
                repeats += 1
                await asyncio.sleep(0.05)
    return repeats


async def test_nothing_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    with ExitStack() as servers:
        server = servers.enter_context(start_clickhouse(tmp_path))
        async with open_clickhouse(ClickHouseAddress(server.url, query_timeout_s=10)) as clickhouse:
            await Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations()).up()
            landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock())
            work = asyncio.gather(
                *(_land_stubbornly(landing, "t", range(start, 240, 4)) for start in range(4))
            )
            for _ in range(3):
                rows = await _rows(clickhouse)
                while not work.done() and await _rows(clickhouse) < rows + 30:  # noqa: ASYNC110 - the rows are in another process
                    await asyncio.sleep(0.01)
                server.kill()
                server = servers.enter_context(start_clickhouse(tmp_path, port=server.port))
            await work

            assert await _offsets(clickhouse, "kpis", "t") == [(offset, _SAMPLES) for offset in range(240)]


async def _rows(clickhouse: ClickHouse) -> int:
    (row,) = (await clickhouse.query(Query("rows", "SELECT count() AS rows FROM kpis"))).rows
    rows: int = row["rows"]
    return rows


async def test_other_tables_survive_a_kill_too(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        async with open_clickhouse(ClickHouseAddress(server.url)) as clickhouse:
            await Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations()).up()
            landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock())
            await land(landing, cost("t"), cost("t", attempt=2))
            await land(landing, alarm("t"))
            server.kill()
            with start_clickhouse(tmp_path, port=server.port):
                await land(landing, cost("t"), cost("t", attempt=2))
                await land(landing, alarm("t"))

                assert await _offsets(clickhouse, "costs", "t") == [(0, 1), (1, 1)]
                assert await _offsets(clickhouse, "alarms", "t") == [(0, 1)]
                assert await Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations()).up() == ()
