"""Replies of the ClickHouse front, its bound on queries at once, and what reaches the engine at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.local.clickhouse_front.app import Front, Limits
from infra.local.clickhouse_front.compression import decompress
from infra.local.clickhouse_front.engine import Answer, Summary
from infra.local.clickhouse_front.errors import ClickHouseError
from infra.local.clickhouse_front.exchange import Exchange, Exchanges
from infra.local.clickhouse_front.replies import OK, answer_reply, error_reply, exception_block, send_reply
from infra.local.clickhouse_front.requests import Credentials
from infra.local.clickhouse_front.slots import Slots

SUMMARY = Summary(read_rows=1, read_bytes=2, written_rows=3, written_bytes=4, elapsed_ns=5)
ANN = Credentials("ann", "pw")
Sent = list[MutableMapping[str, Any]]


def test_an_answer_tells_its_format_and_summary() -> None:
    reply = answer_reply(Answer(b"1\n", "CSV", SUMMARY), None)
    headers = dict(reply.headers)
    assert (reply.status, reply.body, headers["x-clickhouse-format"]) == (200, b"1\n", "CSV")
    assert json.loads(headers["x-clickhouse-summary"]) == {
        "read_rows": "1",
        "read_bytes": "2",
        "written_rows": "3",
        "written_bytes": "4",
        "elapsed_ns": "5",
    }
    assert "content-encoding" not in headers


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_an_answer_is_compressed_where_that_was_asked_for(encoding: str) -> None:
    reply = answer_reply(Answer(b"x" * 1000, "TSV", SUMMARY), encoding)
    assert dict(reply.headers)["content-encoding"] == encoding
    assert len(reply.body) < 200
    assert decompress(reply.body, encoding) == b"x" * 1000


def test_nothing_is_not_compressed_and_has_no_format() -> None:
    headers = dict(answer_reply(Answer(b"", None, SUMMARY), "gzip").headers)
    assert "content-encoding" not in headers
    assert "x-clickhouse-format" not in headers


@pytest.mark.parametrize(("code", "status", "asks"), [(516, 403, True), (194, 401, True), (62, 400, False)])
def test_an_error_tells_its_code_and_whether_to_log_in(code: int, status: int, asks: bool) -> None:
    reply = error_reply(ClickHouseError(code, "Code: x"), "26.9")
    headers = dict(reply.headers)
    assert (reply.status, headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert ("www-authenticate" in headers) is asks
    assert reply.body == b"Code: x (version 26.9 (embedded))\n"


def test_an_error_within_a_body_says_how_long_it_is() -> None:
    block = exception_block(ClickHouseError(60, "größe"), "tag")
    message = "größe\n".encode()
    assert block == b"\r\n__exception__\r\ntag\r\n" + message + b"%d tag\r\n__exception__\r\n" % len(message)


async def test_a_reply_tells_its_length() -> None:
    sent: Sent = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await send_reply(send, OK, (("x-id", "ü"),))
    headers = dict(sent[0]["headers"])
    assert headers[b"content-length"] == b"4"
    assert headers[b"x-id"] == "ü".encode("latin-1")
    assert sent[1]["body"] == b"Ok.\n"


async def test_no_more_run_at_once_than_there_are_slots_and_no_more_wait() -> None:
    slots = Slots(running=2, waiting=1)
    release = asyncio.Event()
    running: list[int] = []

    async def hold(number: int) -> None:
        async with slots.take():
            running.append(number)
            await release.wait()

    tasks = [asyncio.create_task(hold(number)) for number in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert running == [0, 1]
    with pytest.raises(ClickHouseError, match="1 are waiting") as full:
        async with slots.take():
            pass
    assert full.value.code == 202
    release.set()
    await asyncio.gather(*tasks)
    assert running == [0, 1, 2]


async def test_who_gives_up_waiting_leaves_room_for_another() -> None:
    slots = Slots(running=1, waiting=1)
    async with slots.take():
        waiting = asyncio.create_task(slots.take().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        another = asyncio.create_task(slots.take().__aenter__())
        await asyncio.sleep(0)
        assert not another.done()
    await asyncio.wait_for(another, 30)


class Recorded:
    """Exchanges that note what reaches them."""

    headers = (("x-clickhouse-timezone", "UTC"),)
    version = "26.9"

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def run(self, exchange: Exchange) -> None:
        self.bodies.append(exchange.raw.body)
        await send_reply(exchange.send, OK, exchange.headers)


async def asked(
    path: str = "/", *pieces: bytes, method: str = "POST", query: str = "", allowed: Credentials | None = None
) -> SimpleNamespace:
    """Send a request in pieces; tells status, headers, body, and what reached the engine."""
    recorded, sent = Recorded(), Sent()
    front = Front(
        cast("Exchanges", recorded), Slots(running=1, waiting=1), Limits(allowed, 10), new_tag=lambda: "tag-1"
    )
    queue: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
    for number, piece in enumerate(pieces or (b"",), start=1):
        queue.put_nowait({"type": "http.request", "body": piece, "more_body": number < len(pieces)})

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"path": path, "method": method, "query_string": query.encode(), "headers": []}
    await front(scope, queue.get, send)
    return SimpleNamespace(
        status=sent[0]["status"],
        headers={name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]},
        body=b"".join(one.get("body", b"") for one in sent[1:]),
        reached=recorded.bodies,
    )


@pytest.mark.parametrize("path", ["/ping", "/replicas_status"])
async def test_probes_need_no_password_and_no_engine(path: str) -> None:
    done = await asked(path, allowed=ANN)
    assert (done.status, done.body, done.reached) == (200, b"Ok.\n", [])


async def test_another_path_is_not_there() -> None:
    done = await asked("/play")
    assert (done.status, done.body) == (404, b"There is no handle /play\n")


async def test_a_body_in_pieces_reaches_the_engine_whole() -> None:
    assert (await asked("/", b"SELE", b"CT 1")).reached == [b"SELECT 1"]


@pytest.mark.parametrize(("size", "status"), [(10, 200), (11, 413)])
async def test_a_body_is_bounded_to_the_byte(size: int, status: int) -> None:
    done = await asked("/", b"x" * 5, b"x" * (size - 5))
    assert (done.status, len(done.reached)) == (status, int(status == 200))


async def test_without_the_password_nothing_reaches_the_engine() -> None:
    done = await asked("/", b"SELECT 1", allowed=ANN)
    assert (done.status, done.reached) == (403, [])
    assert (await asked("/", b"SELECT 1", query="user=ann&password=pw", allowed=ANN)).status == 200


async def test_a_bare_get_is_a_probe() -> None:
    done = await asked(method="GET")
    assert (done.body, done.reached) == (b"Ok.\n", [])


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", "tag-1"),
        ("query_id=mine", "mine"),
        ("query_id=%0d%0aset-cookie:x", "tag-1"),
        ("query_id=%C3%BC", "tag-1"),
    ],
)
async def test_a_query_has_its_clients_id_where_a_header_can_carry_it(query: str, shown: str) -> None:
    assert (await asked("/", b"SELECT 1", query=query)).headers["x-clickhouse-query-id"] == shown
