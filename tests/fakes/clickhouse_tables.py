"""A client of a test's ClickHouse whose tables are up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.migrate import Migrator, load_migrations

__all__ = ["open_tables"]

_MIGRATED: set[str] = set()


@asynccontextmanager
async def open_tables(url: str) -> AsyncIterator[ClickHouse]:
    """Yield a client; the tables are made at the first one of a server, which keeps its address while the tests run."""
    async with open_clickhouse(ClickHouseAddress(url)) as client:
        if url not in _MIGRATED:
            await Migrator(client, lambda: datetime.now(UTC), load_migrations()).up()
            _MIGRATED.add(url)
        yield client
