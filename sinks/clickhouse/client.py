"""ClickHouse over HTTP: one client per process, shared by everything in this package."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from clickhouse_connect import get_async_client
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver import options
from clickhouse_connect.driver.asyncclient import AsyncClient

from schemas.errors import ConfigurationError
from schemas.metrics import QUERY_SECONDS, NullRecorder, Recorder
from sinks.clickhouse.failures import translated
from sinks.clickhouse.native import NativeBlock
from sinks.clickhouse.query import Query, QueryInfo

__all__ = ["ClickHouse", "ClickHouseAddress", "Columns", "Rows", "open_clickhouse"]

# Where pandas is installed, as chDB does, the driver loads it at the first insert to see whether the rows are a DataFrame:
# a second and 60 MB. No rows here are one, so pandas counts as absent.
options.pd = options.pd_time_test = None

# One insert becomes one block, so one part: it is there whole or not at all. In rows and in bytes.
_ONE_BLOCK = {"max_insert_block_size": 16_777_216, "min_insert_block_size_rows": 16_777_216}
_ONE_BLOCK |= {"min_insert_block_size_bytes": 4 * 1024**3}
_QUERY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class ClickHouseAddress:
    """Where ClickHouse is, `http(s)://host:port`, and as whom to come; times in seconds."""

    url: str
    user: str = "default"
    password: str = ""
    database: str = "default"
    connect_timeout_s: float = 5.0
    query_timeout_s: float = _QUERY_S


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows to insert, by column: `names`, ClickHouse `types` and `data` run along; every column is equally long."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    data: Sequence[Sequence[object]]

    @property
    def rows(self) -> int:
        return len(self.data[0]) if self.data else 0


@dataclass(frozen=True, slots=True)
class Rows:
    """A query's result: one mapping of column name to value per row, and how it was got."""

    rows: tuple[Mapping[str, Any], ...]
    info: QueryInfo


class ClickHouse:
    """Runs queries, inserts and statements. May be shared by tasks of one event loop.

    Every method raises what `failures.translated` names.
    """

    def __init__(
        self,
        client: AsyncClient,
        recorder: Recorder,
        elapsed: Callable[[], float] = time.perf_counter,
        query_timeout_s: float = _QUERY_S,
    ) -> None:
        self._client = client
        self._query_timeout_s = query_timeout_s
        self._recorder = recorder
        self._elapsed = elapsed

    async def query(self, query: Query) -> Rows:
        """Run a SELECT to its end and return all its rows: the query itself carries the limit.

        ClickHouse ends what takes longer than `query.seconds`: work that nobody waits for any more would slow the rest.
        """
        sql = query.rendered()
        limit = {"max_execution_time": query.seconds or self._query_timeout_s}
        started = self._elapsed()
        with translated(query.name):
            result = await self._client.query(query.sql, parameters=query.bound(), settings=limit)
        seconds = self._elapsed() - started
        self._recorder.observe(QUERY_SECONDS, seconds, query=query.name)
        rows = tuple(dict(zip(result.column_names, row, strict=True)) for row in result.result_rows)
        read = int(result.summary.get("read_rows", 0))
        return Rows(rows, QueryInfo(sql, read, seconds * 1000))

    async def insert(self, table: str, columns: Columns | NativeBlock, token: str) -> None:
        """Insert all rows or none; a token that the table has seen inserts nothing. Returns when they are durable."""
        settings = {**_ONE_BLOCK, "insert_deduplication_token": token, "async_insert": 0}
        with translated(f"insert into {table}"):
            if isinstance(columns, NativeBlock):
                await self._client.raw_insert(table, columns.names, columns.data, settings, "Native")
            else:
                await self._client.insert(
                    table,
                    columns.data,
                    column_names=columns.names,
                    column_types=_types(columns.types),
                    column_oriented=True,
                    settings=settings,
                )

    async def execute(self, sql: str) -> None:
        """Run a statement that returns nothing."""
        with translated(sql.split("(", 1)[0][:80].strip()):
            await self._client.command(sql)

    async def ping(self) -> None:
        """Return when ClickHouse answers a query."""
        with translated("ping"):
            await self._client.command("SELECT 1")


@asynccontextmanager
async def open_clickhouse(
    address: ClickHouseAddress, recorder: Recorder | None = None
) -> AsyncIterator[ClickHouse]:
    """Connect, and close at the end. Raises what `failures.translated` names, so also when nobody answers."""
    with translated(f"connect to {address.url}"):
        client = await _connect(address)
    try:
        yield ClickHouse(client, recorder or NullRecorder(), query_timeout_s=address.query_timeout_s)
    finally:
        await client.close()


async def _connect(address: ClickHouseAddress) -> AsyncClient:
    url = urlsplit(address.url)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ConfigurationError(
            f"{address.url!r} is not an address of ClickHouse",
            cure="Write http://host:8123 or https://host:8443.",
        )
    return await get_async_client(
        host=url.hostname,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        secure=url.scheme == "https",
        username=address.user,
        password=address.password,
        database=address.database,
        connect_timeout=address.connect_timeout_s,
        send_receive_timeout=address.query_timeout_s,
        # Sessions would serialise concurrent queries, and nothing here needs one.
        autogenerate_session_id=False,
        form_encode_query_params=True,
        tz_mode="aware",
        query_retries=0,
    )


@lru_cache(maxsize=64)
def _types(names: tuple[str, ...]) -> tuple[ClickHouseType, ...]:
    return tuple(get_from_name(name) for name in names)
