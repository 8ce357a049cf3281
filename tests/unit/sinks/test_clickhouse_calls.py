"""What the client sends over the driver, and what it makes of answers and failures; the driver is a fake."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from schemas.errors import ConfigurationError, TerminalError, UnavailableError
from schemas.metrics import QUERY_SECONDS
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, Columns, open_clickhouse
from sinks.clickhouse.native import NativeBlock
from sinks.clickhouse.query import Query
from tests.fakes.incident_ports import ListRecorder


@dataclass
class Result:
    column_names: tuple[str, ...] = ()
    result_rows: tuple[tuple[Any, ...], ...] = ()
    summary: dict[str, str] = field(default_factory=dict)


@dataclass
class Driver:
    """Remembers every call, and answers or fails as told."""

    result: Result = field(default_factory=Result)
    error: Exception | None = None
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, arguments, named))
            if self.error is not None:
                raise self.error
            return self.result

        return call


def ticks() -> Iterator[float]:
    yield from (10.0, 10.25)


def client(driver: Driver, recorder: ListRecorder | None = None) -> ClickHouse:
    return ClickHouse(driver, recorder or ListRecorder(), ticks().__next__)  # type: ignore[arg-type]  # the driver is a fake


async def test_a_query_sends_its_parameters_apart_from_its_sql() -> None:
    driver = Driver()
    await client(driver).query(Query("q", "SELECT {a:String}", {"a": "it's"}))
    ((name, arguments, named),) = driver.calls
    assert (name, arguments, named["parameters"]) == ("query", ("SELECT {a:String}",), {"a": "it's"})


@pytest.mark.parametrize(("seconds", "limit"), [(1.5, 1.5), (None, ClickHouseAddress("").query_timeout_s)])
async def test_a_query_tells_the_server_when_to_end_it(seconds: float | None, limit: float) -> None:
    driver = Driver()
    await client(driver).query(Query("q", "SELECT 1", seconds=seconds))
    ((_, _, named),) = driver.calls
    assert named["settings"] == {"max_execution_time": limit}


async def test_rows_are_by_name_and_come_with_how_they_were_got() -> None:
    driver = Driver(Result(("a", "b"), ((1, "x"), (2, "y")), {"read_rows": "42"}))
    recorder = ListRecorder()
    answer = await client(driver, recorder).query(Query("windows", "SELECT {a:String}", {"a": "x"}))
    assert answer.rows == ({"a": 1, "b": "x"}, {"a": 2, "b": "y"})
    assert (answer.info.sql, answer.info.rows_read, answer.info.duration_ms) == ("SELECT 'x'", 42, 250.0)
    assert recorder.kept == [(QUERY_SECONDS.name, 0.25, {"query": "windows"})]


async def test_an_answer_that_does_not_say_what_it_read_read_nothing_known() -> None:
    assert (await client(Driver()).query(Query("q", "SELECT 1"))).info.rows_read == 0


async def test_an_insert_is_one_block_under_its_token_and_waits() -> None:
    driver = Driver()
    columns = Columns(("n", "s"), ("Int64", "String"), ([1, 2], ["a", "b"]))
    assert columns.rows == 2
    await client(driver).insert("t", columns, "topic:0:1-2")
    ((name, arguments, named),) = driver.calls
    assert (name, arguments) == ("insert", ("t", ([1, 2], ["a", "b"])))
    assert (named["column_names"], named["column_oriented"]) == (("n", "s"), True)
    assert [kind.name for kind in named["column_types"]] == ["Int64", "String"]
    settings = named["settings"]
    assert (settings["insert_deduplication_token"], settings["async_insert"]) == ("topic:0:1-2", 0)
    assert min(settings["max_insert_block_size"], settings["min_insert_block_size_rows"]) >= 10_000_000


async def test_a_native_block_is_sent_as_it_is_under_the_same_settings() -> None:
    driver = Driver()
    await client(driver).insert("kpis", NativeBlock(("a",), 1, b"bytes"), "token")
    ((name, arguments, _),) = driver.calls
    assert name == "raw_insert"
    assert arguments[:3] == ("kpis", ("a",), b"bytes")
    assert arguments[3]["insert_deduplication_token"] == "token"
    assert arguments[4] == "Native"


def test_no_columns_are_no_rows() -> None:
    assert Columns((), (), ()).rows == 0
    assert Columns(("a",), ("String",), ([],)).rows == 0


async def test_statements_and_pings_are_commands() -> None:
    driver = Driver()
    await client(driver).execute("CREATE TABLE a (b String)")
    await client(driver).ping()
    assert [arguments for _, arguments, _ in driver.calls] == [("CREATE TABLE a (b String)",), ("SELECT 1",)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DatabaseError("no", code=62), TerminalError),
        (OperationalError("reset"), UnavailableError),
        (TimeoutError(), UnavailableError),
    ],
)
async def test_every_call_fails_as_one_of_ours_that_names_the_attempt(
    error: Exception, expected: type[Exception]
) -> None:
    clickhouse = client(Driver(error=error))
    for named, attempt in (
        ("windows", clickhouse.query(Query("windows", "SELECT 1"))),
        ("insert into t", clickhouse.insert("t", Columns((), (), ()), "k")),
        ("CREATE TABLE a", clickhouse.execute("CREATE TABLE a (b String)")),
        ("ping", clickhouse.ping()),
    ):
        with pytest.raises(expected, match=f"^{named}: ") as caught:
            await attempt
        assert type(caught.value) is expected


async def test_a_failed_query_is_not_measured() -> None:
    recorder = ListRecorder()
    with pytest.raises(UnavailableError):
        await client(Driver(error=TimeoutError()), recorder).query(Query("q", "SELECT 1"))
    assert recorder.kept == []


@pytest.mark.parametrize("url", ["", "clickhouse:8123", "tcp://host:9000", "http://", "ftp://host"])
async def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not an address") as caught:
        async with open_clickhouse(ClickHouseAddress(url)):
            pass
    assert "8123" in caught.value.cure


async def test_nobody_at_the_address_is_unavailable() -> None:
    with pytest.raises(UnavailableError, match="connect to http"):
        async with open_clickhouse(ClickHouseAddress("http://127.0.0.1:1", connect_timeout_s=1.0)):
            pass
