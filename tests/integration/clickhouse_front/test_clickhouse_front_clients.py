# ruff: noqa: S608 - the tests name their own tables
from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from tests.fakes.clickhouse_server import ClickHouseServer

pytestmark = pytest.mark.clickhouse

DEDUP = "insert_deduplication_token"


def code_of(work: Callable[[], object]) -> int | None:
    with pytest.raises(DatabaseError) as caught:
        work()
    return caught.value.code


def test_ddl_rows_columns_and_a_native_query_with_parameters(client: Client, table: str) -> None:
    client.insert(table, [[1, "x"], [2, "y"]], column_names=["a", "b"])
    summary = client.insert(
        table, [[3, 4], ["tab\t'quote'\\", "z"]], column_names=["a", "b"], column_oriented=True
    )

    rows = client.query(
        f"SELECT a, b FROM {table} WHERE a > {{low:UInt32}} AND b != {{not:String}} ORDER BY a",
        parameters={"low": 1, "not": "z"},
    )

    assert rows.result_rows == [(2, "y"), (3, "tab\t'quote'\\")]
    assert summary.written_rows == 2
    assert rows.summary["read_rows"] == "4"


def test_parameters_of_many_types(client: Client) -> None:
    when = dt.datetime(2026, 11, 21, 1, 2, 3, tzinfo=dt.UTC)

    found = client.query(
        "SELECT {s:String}, {n:Nullable(Int64)}, {l:Array(String)}, {t:DateTime('UTC')}",
        parameters={"s": "a\nb\\c'd", "n": None, "l": ["x'", "y"], "t": when},
    )

    row = found.result_rows[0]
    assert tuple(row[:3]) == ("a\nb\\c'd", None, ["x'", "y"])
    assert row[3].replace(tzinfo=dt.UTC) == when


def test_a_long_query_as_form_fields(front: ClickHouseServer) -> None:
    client = clickhouse_connect.get_client(host=front.host, port=front.port, form_encode_query_params=True)
    values = list(range(20_000))

    found = client.query("SELECT length({v:Array(UInt32)}), {s:String}", parameters={"v": values, "s": "x"})

    assert found.first_row == (20_000, "x")
    client.close()


def test_an_empty_result_and_a_probe_of_columns(client: Client, table: str) -> None:
    assert client.query(f"SELECT * FROM {table}").result_rows == []
    assert client.query(f"SELECT * FROM {table} LIMIT 0").column_names == ("a", "b")


def test_settings_hold_for_their_query_only_also_after_an_error(client: Client) -> None:
    ask = "SELECT getSetting('max_block_size')"
    usual = client.command(ask)

    assert client.query(ask, settings={"max_block_size": 77}).first_row == (77,)
    assert code_of(lambda: client.query("SELECT nothing", settings={"max_block_size": 78})) == 47
    assert code_of(lambda: client.command(ask, settings={"max_block_size": "many"})) is not None
    # As many as the pool is wide, so that whatever were kept would be seen.
    assert {client.command(ask) for _ in range(8)} == {usual}


def test_one_token_inserts_once_and_another_again(client: Client, table: str) -> None:
    for token in ("t:0:0-1", "t:0:0-1", "t:0:2-3"):
        client.insert(table, [[1, "x"], [2, "y"]], settings={DEDUP: token})

    assert client.command(f"SELECT count() FROM {table}") == 4


def test_a_token_in_the_statement_itself(client: Client, table: str) -> None:
    for _ in range(2):
        client.command(f"INSERT INTO {table} SETTINGS {DEDUP} = 'k' FORMAT CSV", data="1,x\n")

    assert client.command(f"SELECT count() FROM {table}") == 1


def test_errors_are_typed(client: Client, table: str) -> None:
    assert code_of(lambda: client.query("SELECT * FROM no_such_table")) == 60
    assert code_of(lambda: client.query("SELEC 1")) == 62
    assert code_of(lambda: client.raw_insert(table, ["a"], b"no number\n", fmt="CSV")) == 117


def test_what_is_not_supported_says_so(client: Client) -> None:
    data = ExternalData(file_name="ids.csv", data=b"1\n", fmt="CSV", structure="id UInt32")

    assert code_of(lambda: client.query("SELECT * FROM ids", external_data=data)) == 48
    assert code_of(lambda: client.command("CREATE TEMPORARY TABLE t (a Int8)")) == 48
    assert code_of(lambda: client.command("SET max_threads = 1")) == 48
    assert (
        code_of(lambda: client.command("CREATE TABLE k (a Int8) ENGINE = Kafka('b', 't', 'g', 'CSV')")) == 48
    )


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_compression_both_ways(
    front: ClickHouseServer, client: Client, table: str, compress: str | bool
) -> None:
    with clickhouse_connect.get_client(host=front.host, port=front.port, compress=compress) as packed:
        rows = [[number, "word " * 20] for number in range(5_000)]
        packed.insert(table, rows)

        assert packed.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [tuple(row) for row in rows]
        with packed.query_rows_stream("SELECT number FROM numbers(300000)") as stream:
            assert sum(row[0] for row in stream) == 300_000 * 299_999 // 2
        with packed.query_rows_stream(f"SELECT a FROM {table} WHERE a > 9000000") as stream:
            assert list(stream) == []


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_an_insert_of_many_blocks_lands_whole(
    front: ClickHouseServer, client: Client, table: str, compress: str | bool
) -> None:
    numbers = list(range(300_000))
    texts = [f"row {number}" for number in numbers]
    with clickhouse_connect.get_client(host=front.host, port=front.port, compress=compress) as packed:
        for _ in range(2):
            summary = packed.insert(
                table, [numbers, texts], ["a", "b"], column_oriented=True, settings={DEDUP: "whole"}
            )
            assert summary.written_rows == len(numbers)

    found = client.query(f"SELECT count(), uniqExact(a), sum(length(b)) FROM {table}")
    assert found.first_row == (len(numbers), len(numbers), sum(map(len, texts)))


def test_formats_of_ones_own(client: Client, table: str) -> None:
    client.raw_insert(table, ["a", "b"], b'{"a": 7, "b": "x"}\n', fmt="JSONEachRow")

    assert client.raw_query(f"SELECT * FROM {table}", fmt="CSVWithNames") == b'"a","b"\n7,"x"\n'
    assert client.raw_query(f"SELECT a FROM {table} FORMAT TabSeparated") == b"7\n"


def test_databases(client: Client, front: ClickHouseServer) -> None:
    client.command("CREATE DATABASE IF NOT EXISTS `odd ``name`")
    client.command("CREATE TABLE `odd ``name`.here (a Int8) ENGINE = Memory")

    with clickhouse_connect.get_client(host=front.host, port=front.port, database="odd `name") as other:
        assert other.command("EXISTS TABLE here") == 1
    assert client.command("EXISTS TABLE here") == 0


def test_a_stream_that_fails_midway_raises_the_engines_error(client: Client) -> None:
    with (
        client.query_rows_stream("SELECT throwIf(number = 2000000) FROM numbers(5000000)") as stream,
        pytest.raises(StreamFailureError, match="395"),
    ):
        for _ in stream:
            pass


def test_many_threads_at_once(front: ClickHouseServer, client: Client, table: str) -> None:
    def write(worker: int) -> None:
        with clickhouse_connect.get_client(host=front.host, port=front.port) as mine:
            for batch in range(5):
                mine.insert(table, [[worker, str(batch)] for _ in range(100)])

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = client.query(f"SELECT a, count() FROM {table} GROUP BY a ORDER BY a")
    assert found.result_rows == [(worker, 500) for worker in range(8)]


async def test_the_asynchronous_client(front: ClickHouseServer, table: str) -> None:
    client = await clickhouse_connect.get_async_client(host=front.host, port=front.port)
    for _ in range(2):
        await client.insert(table, [[1, "x"], [2, "y"]], settings={DEDUP: "async"})

    found = await client.query(f"SELECT a, b FROM {table} WHERE a < {{high:UInt32}}", parameters={"high": 2})
    assert found.result_rows == [(1, "x")]
    assert await client.command(f"SELECT count() FROM {table}") == 2
    async with await client.query_rows_stream("SELECT number FROM numbers(300000)") as stream:
        assert sum([row[0] async for row in stream]) == 300_000 * 299_999 // 2
    with pytest.raises(DatabaseError) as caught:
        await client.query("SELECT * FROM no_such_table")
    assert caught.value.code == 60
    await client.close()
