"""What a client without a driver sees: plain HTTP."""

# ruff: noqa: S608 - the tests name their own tables
# ruff: noqa: ASYNC110 - what is waited for happens in another process
from __future__ import annotations

import asyncio
import json
import zlib
from pathlib import Path

import httpx
import pytest

from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse

pytestmark = pytest.mark.clickhouse

ENDLESS = "SELECT sum(sleepEachRow(0.01)) FROM numbers(100000) SETTINGS max_block_size = 1"
RUNNING = (
    "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(0.01)%' AND query NOT LIKE '%LIKE%'"
)


def post(front: ClickHouseServer, sql: str | bytes = b"", **params: str) -> httpx.Response:
    return httpx.post(front.url, content=sql, params=params, timeout=30)


def test_ping_and_other_paths(front: ClickHouseServer) -> None:
    assert httpx.get(f"{front.url}/ping").text == "Ok.\n"
    assert httpx.get(f"{front.url}/").text == "Ok.\n"
    assert httpx.get(f"{front.url}/play").status_code == 404


def test_a_result_and_its_headers(front: ClickHouseServer) -> None:
    answer = post(front, "SELECT number FROM numbers(3)", query_id="mine", wait_end_of_query="1")

    assert answer.text == "0\n1\n2\n"
    assert answer.headers["x-clickhouse-query-id"] == "mine"
    assert answer.headers["x-clickhouse-format"] == "TabSeparated"
    assert json.loads(answer.headers["x-clickhouse-summary"])["read_rows"] == "3"
    assert post(front, "SELECT 1 FORMAT JSON").json()["data"] == [{"1": 1}]
    assert post(front, "SELECT 1 AS one", default_format="JSONEachRow").json() == {"one": 1}
    assert "x-clickhouse-format" not in post(front, "CREATE DATABASE IF NOT EXISTS d").headers


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM no_such_table", 404, "60"),
        ("SELEC 1", 400, "62"),
        ("SELECT 1; SELECT 2", 400, "62"),
        ("SELECT throwIf(1)", 500, "395"),
        ("CREATE TABLE k (a Int8) ENGINE = Kafka('b', 't', 'g', 'CSV')", 501, "48"),
    ],
)
def test_an_error_has_its_code_and_status(front: ClickHouseServer, sql: str, status: int, code: str) -> None:
    answer = post(front, sql)

    assert answer.status_code == status
    assert answer.headers["x-clickhouse-exception-code"] == code
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


def test_get_reads_and_does_not_write(front: ClickHouseServer, table: str) -> None:
    assert httpx.get(front.url, params={"query": f"SELECT count() FROM {table}"}).text == "0\n"
    refused = httpx.get(front.url, params={"query": f"INSERT INTO {table} VALUES (1, 'x')"})
    assert refused.headers["x-clickhouse-exception-code"] == "164"


def test_every_way_to_insert(front: ClickHouseServer, table: str) -> None:
    ways = [
        post(front, f"INSERT INTO {table} VALUES (1, 'values')"),
        post(front, "(2, 'begun by url')", query=f"INSERT INTO {table} VALUES"),
        post(front, f"INSERT INTO {table} FORMAT CSV\n3,inline\n"),
        post(front, b"4\traw\n", query=f"INSERT INTO {table} FORMAT TSV"),
        post(front, "(5, 'as a format')", query=f"INSERT INTO {table} FORMAT Values"),
        post(front, f"INSERT INTO {table} SELECT 6, 'select'"),
        post(front, b"", query=f"INSERT INTO {table} FORMAT TSV"),
    ]

    assert [way.status_code for way in ways] == [200] * len(ways)
    written = [int(json.loads(way.headers["x-clickhouse-summary"])["written_rows"]) for way in ways]
    assert written == [1, 1, 1, 1, 1, 1, 0]
    assert post(front, f"SELECT a FROM {table} ORDER BY a").text.split() == ["1", "2", "3", "4", "5", "6"]


def test_the_temporary_file_of_an_insert_is_gone(front: ClickHouseServer, table: str) -> None:
    post(front, b"1\tx\n", query=f"INSERT INTO {table} FORMAT TSV")
    broken = post(front, b"no number\tx\n", query=f"INSERT INTO {table} FORMAT TSV")

    assert broken.status_code == 400
    data = Path(front.process.args[front.process.args.index("--data") + 1])  # type: ignore[union-attr, index, arg-type]  # a tuple of str
    assert list((data / "incoming").iterdir()) == []


async def _running(client: httpx.AsyncClient, wanted: str) -> None:
    """Waits until `wanted` endless queries run."""
    async with asyncio.timeout(60):
        while (await client.post("/", content=RUNNING)).text.strip() != wanted:
            await asyncio.sleep(0.05)


async def test_a_query_is_cancelled_when_its_client_leaves(front: ClickHouseServer) -> None:
    async with httpx.AsyncClient(base_url=front.url, timeout=60) as client:
        for params in ({"wait_end_of_query": "1"}, {}):
            left = asyncio.create_task(client.post("/", content=ENDLESS, params=params))
            await _running(client, "1")
            left.cancel()
            await _running(client, "0")


async def test_ping_answers_while_every_slot_is_taken(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path, arguments=("--pool", "1")) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            first = asyncio.create_task(client.post("/", content=ENDLESS))
            second = asyncio.create_task(client.post("/", content="SELECT 2"))

            assert (await client.get("/ping")).text == "Ok.\n"
            assert not first.done()
            first.cancel()
            assert (await second).text == "2\n"


async def test_a_stop_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            slow = asyncio.create_task(client.post("/", content="SELECT sleep(2), 'done'"))
            async with asyncio.timeout(60):
                while (
                    "sleep(2)"
                    not in (
                        await client.post(
                            "/",
                            content="SELECT query FROM system.processes WHERE query LIKE '%sleep(' || '2%'",
                        )
                    ).text
                ):
                    await asyncio.sleep(0.05)
            code = asyncio.create_task(asyncio.to_thread(server.stop))

            assert (await slow).text == "0\tdone\n"
            assert await code == 0


async def test_a_stop_cancels_what_outlasts_its_grace(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path, arguments=("--grace", "1")) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            writing = ENDLESS.replace("SELECT", "CREATE TABLE t ENGINE = Memory AS SELECT", 1)
            posts = [asyncio.create_task(client.post("/", content=sql)) for sql in (ENDLESS, writing)]
            await _running(client, "2")

            assert await asyncio.to_thread(server.stop) == 0
            await asyncio.wait(posts)


def test_auth_is_asked_for(tmp_path: Path) -> None:
    arguments = ("--user", "ann", "--password-env", "FRONT_PASSWORD")
    with start_clickhouse(tmp_path, arguments=arguments, environment={"FRONT_PASSWORD": "s3cret"}) as server:
        good = {"X-ClickHouse-User": "ann", "X-ClickHouse-Key": "s3cret"}

        assert httpx.get(f"{server.url}/ping").status_code == 200
        assert httpx.post(server.url, content="SELECT 1", headers=good).text == "1\n"
        assert httpx.post(server.url, content="SELECT 1", auth=("ann", "s3cret")).text == "1\n"
        assert post(server, "SELECT 1", user="ann", password="s3cret").text == "1\n"
        for refused in (
            post(server, "SELECT 1"),
            post(server, "SELECT 1", user="ann", password="guess"),
            httpx.post(server.url, content="SELECT 1", auth=("bob", "s3cret")),
        ):
            assert refused.status_code == 403
            assert refused.headers["x-clickhouse-exception-code"] == "516"


def _peak_memory(front: ClickHouseServer) -> int:
    """The most the server has held so far, in bytes."""
    status = Path(f"/proc/{front.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_streamed_result_is_never_held_whole(tmp_path: Path) -> None:
    rows, width = 4_000_000, 100
    size = 0
    with start_clickhouse(tmp_path) as server:
        post(server, "SELECT number FROM numbers(1000000)")
        before = _peak_memory(server)
        sql = f"SELECT repeat('x', {width}) FROM numbers({rows})"
        with httpx.stream("POST", server.url, content=sql, timeout=60) as answer:
            for piece in answer.iter_raw():
                size += len(piece)

        assert answer.headers["transfer-encoding"] == "chunked"
        assert size == rows * (width + 1)
        assert _peak_memory(server) - before < size / 2


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("wait", ["0", "1"])
def test_codings_a_plain_client_knows(front: ClickHouseServer, encoding: str, wait: str) -> None:
    answer = httpx.post(
        front.url,
        content=zlib.compress(b"SELECT number FROM numbers(70000)"),
        params={"enable_http_compression": "1", "wait_end_of_query": wait},
        headers={"Accept-Encoding": encoding, "Content-Encoding": "deflate"},
    )

    assert answer.headers["content-encoding"] == encoding
    assert answer.text.split() == [str(number) for number in range(70_000)]


def test_a_body_that_is_not_compressed_as_it_says(front: ClickHouseServer) -> None:
    answer = httpx.post(front.url, content=b"SELECT 1", headers={"Content-Encoding": "gzip"})

    assert answer.headers["x-clickhouse-exception-code"] == "271"


async def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path, arguments=("--pool", "1", "--queue", "1")) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            posts = [asyncio.create_task(client.post("/", content=ENDLESS)) for _ in range(3)]
            done, waiting = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
            for post_waiting in waiting:
                post_waiting.cancel()
            refused = done.pop().result()

    assert len(waiting) == 2
    assert refused.status_code == 503
    assert refused.headers["x-clickhouse-exception-code"] == "202"


def test_a_user_without_a_password_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(RuntimeError, match="exit code 1"),
        start_clickhouse(tmp_path, arguments=("--user", "ann", "--password-env", "NOT_SET_ANYWHERE")),
    ):
        pass
    assert "--password-env" in capfd.readouterr().err
