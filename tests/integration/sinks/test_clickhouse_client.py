from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.ports import PortBook
from schemas.errors import ConfigurationError, TerminalError, UnavailableError
from schemas.metrics import QUERY_SECONDS, Metric, NullRecorder
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.query import Parameter, Query
from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse

pytestmark = pytest.mark.clickhouse

_ECHO = """SELECT {text:String} AS text, {whole:Int64} AS whole, {real:Float64} AS real,
  {at:DateTime64(6, 'UTC')} AS at, {texts:Array(String)} AS texts"""


@dataclass
class _Observed(NullRecorder):
    seen: list[tuple[Metric, str]] = field(default_factory=list)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        assert value >= 0
        self.seen.append((metric, labels["query"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(),
    whole=st.integers(-(2**63), 2**63 - 1),
    real=st.floats(allow_nan=False, allow_infinity=False),
    at=st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants naive bounds
    texts=st.lists(st.text(), max_size=4),
)
async def test_bound_and_pasted_queries_see_the_same_values(  # noqa: PLR0917 - one argument per type
    clickhouse: ClickHouse, text: str, whole: int, real: float, at: datetime, texts: list[str]
) -> None:
    parameters: dict[str, Parameter] = {
        "text": text,
        "whole": whole,
        "real": real,
        "at": at,
        "texts": tuple(texts),
    }

    bound = await clickhouse.query(Query("echo", _ECHO, parameters))
    pasted = await clickhouse.query(Query("pasted", bound.info.sql))

    assert bound.rows == ({"text": text, "whole": whole, "real": real, "at": at, "texts": texts},)
    assert pasted.rows == bound.rows


async def test_a_query_says_what_it_read_and_is_measured(server: ClickHouseServer) -> None:
    observed = _Observed()
    async with open_clickhouse(ClickHouseAddress(server.url), observed) as clickhouse:
        found = await clickhouse.query(Query("numbers", "SELECT number FROM numbers({n:UInt64})", {"n": 7}))

    assert [row["number"] for row in found.rows] == list(range(7))
    assert found.info.sql == "SELECT number FROM numbers(7)"
    assert found.info.rows_read == 7
    assert found.info.duration_ms > 0
    assert observed.seen == [(QUERY_SECONDS, "numbers")]


async def test_a_refused_statement_is_terminal(clickhouse: ClickHouse) -> None:
    with pytest.raises(TerminalError, match="broken"):
        await clickhouse.query(Query("broken", "SELEC 1"))


async def test_nobody_there_is_retryable() -> None:
    port = PortBook(random.SystemRandom()).free()
    with pytest.raises(UnavailableError) as caught:
        async with open_clickhouse(ClickHouseAddress(f"http://127.0.0.1:{port}")):
            pass
    assert "tocsin doctor" in caught.value.cure


async def test_a_server_that_dies_and_comes_back_is_retryable(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        async with open_clickhouse(ClickHouseAddress(server.url)) as clickhouse:
            await clickhouse.ping()
            server.kill()
            with pytest.raises(UnavailableError):
                await clickhouse.query(Query("lost", "SELECT 1"))
            with pytest.raises(UnavailableError):
                await clickhouse.ping()
            with start_clickhouse(tmp_path, port=server.port):
                await clickhouse.ping()


@pytest.mark.parametrize("url", ["localhost:8123", "tcp://localhost:9000", "http://"])
async def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        async with open_clickhouse(ClickHouseAddress(url)):
            pass
