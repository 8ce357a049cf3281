from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    data: Path = tmp_path_factory.mktemp("clickhouse")
    with start_clickhouse(data) as server:
        yield server


@pytest.fixture
def client(front: ClickHouseServer) -> Iterator[Client]:
    client = clickhouse_connect.get_client(host=front.host, port=front.port)
    yield client
    client.close()


@pytest.fixture
def table(client: Client) -> str:
    """An empty table of the test's own: a UInt32, b String; inserts with a token are deduplicated."""
    name = f"t_{uuid.uuid4().hex}"
    client.command(
        f"CREATE TABLE {name} (a UInt32, b String) ENGINE = MergeTree ORDER BY a "
        "SETTINGS non_replicated_deduplication_window = 1000"
    )
    return name
