from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog

from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from streams.kafka import KafkaSettings
from tests.fakes.clickhouse_server import ClickHouseServer
from tests.fakes.clickhouse_tables import open_tables
from tests.integration.api_reads.serving import Served, serve_reads
from tests.integration.sinks.samples import FixedClock


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A shell of its own, where nothing says whom to ask; what the server logs would be in what a command prints."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TOCSIN_URL", "TOCSIN_API_URL", "TOCSIN_CONTEXT", "TOCSIN_API_KEY", "TOCSIN_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield tmp_path
    structlog.reset_defaults()


@pytest.fixture
async def clickhouse(clickhouse_server: ClickHouseServer) -> AsyncIterator[ClickHouse]:
    async with open_tables(clickhouse_server.url) as client:
        yield client


@pytest.fixture
def tenant() -> str:
    """A tenant of the test's own: the tables are shared."""
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
def landing(clickhouse: ClickHouse, tenant: str) -> ClickHouseLanding:
    """A log of the test's own: its offsets start at 0."""
    return ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch=tenant)


@pytest.fixture
def kafka(any_kafka: KafkaSettings) -> KafkaSettings:
    """Settings with a topic prefix of this test's own."""
    return any_kafka.model_copy(update={"topic_prefix": f"{uuid4().hex[:8]}."})


@pytest.fixture
async def tables_api(clickhouse: ClickHouse, tenant: str) -> AsyncIterator[Served]:
    """The API over the tables alone."""
    async with serve_reads(clickhouse, None, tenant) as served:
        yield served


@pytest.fixture
async def whole_api(clickhouse: ClickHouse, kafka: KafkaSettings, tenant: str) -> AsyncIterator[Served]:
    """The API over tables and topics."""
    async with serve_reads(clickhouse, kafka, tenant) as served:
        yield served
