from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse
from tests.fakes.clickhouse_tables import open_tables
from tests.integration.sinks.finding_shop import Shop
from tests.integration.sinks.samples import FixedClock

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    with start_clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


@pytest.fixture
async def clickhouse(server: ClickHouseServer) -> AsyncIterator[ClickHouse]:
    async with open_tables(server.url) as client:
        yield client


@pytest.fixture
def tenant() -> str:
    """A tenant of the test's own: the tables are shared."""
    return f"tenant-{next(_NUMBERS)}"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def landing(clickhouse: ClickHouse, clock: FixedClock, tenant: str) -> ClickHouseLanding:
    """A log of the test's own: its offsets start at 0."""
    return ClickHouseLanding(clickhouse, FixedRetention(30), clock, epoch=tenant)


@pytest.fixture
def shop(clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, tmp_path: Path) -> Shop:
    return Shop(clickhouse, landing, tenant, tmp_path)
