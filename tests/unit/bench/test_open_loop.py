"""The load generator of `api-reads`: what it counts, and that a server which stalls does not look better for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.reads.open_loop import Plan, Planned, run_plan

_Answer = Callable[[str], Awaitable[bytes]]


@asynccontextmanager
async def answering(answer: _Answer) -> AsyncIterator[int]:
    """A server that answers each request's head with what `answer` makes of it; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write(await answer(head.decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def told(body: str, status: int = 200, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def plan(port: int, count: int, *, rate: float = 200.0, known: float = 0.0, path: str = "/a") -> Plan:
    asked = tuple(Planned("list", path, "key-1", "tenant-1") for _ in range(count))
    return Plan("127.0.0.1", port, rate, asked, known)


async def test_every_request_is_sent_with_its_key_and_counted() -> None:
    seen: list[str] = []

    async def answer(head: str) -> bytes:
        seen.append(head)
        return told("of tenant-1")

    async with answering(answer) as port:
        outcome = await run_plan(plan(port, 30))

    assert len(outcome.latencies["list"]) == len(seen) == 30
    assert outcome.statuses == {"200": 30}
    assert not outcome.faults
    assert outcome.bytes == 30 * len("of tenant-1")
    assert all("X-API-Key: key-1" in head and head.startswith("GET /a ") for head in seen)


async def test_refusals_and_another_tenants_rows_are_faults() -> None:
    async def answer(head: str) -> bytes:
        return told("of tenant-2") if "/wrong" in head else told("no", 429)

    async with answering(answer) as port:
        refused = await run_plan(plan(port, 3))
        foreign = await run_plan(plan(port, 3, path="/wrong"))

    assert refused.faults == {"list: 429": 3}
    assert foreign.faults == {"list: another tenant's": 3}


async def test_what_is_known_is_said_and_what_is_given_again_counted() -> None:
    async def answer(head: str) -> bytes:
        known = 'If-None-Match: "x"' in head
        return told("", 304, "Age: 1") if known else told("of tenant-1", 200, 'ETag: "x"')

    async with answering(answer) as port:
        outcome = await run_plan(plan(port, 40, known=1.0, rate=100.0))

    assert outcome.statuses["304"] > 20
    assert outcome.given_again == outcome.statuses["304"]
    assert not outcome.faults


async def test_a_stall_counts_for_all_who_were_due_meanwhile() -> None:
    """A closed loop would have waited with them: one slow answer, and all others quick."""
    stall_s = 0.5
    asked: list[float] = []

    async def answer(_head: str) -> bytes:
        now = asyncio.get_running_loop().time()
        asked.append(now)
        await asyncio.sleep(max(0.0, asked[0] + stall_s - now))
        return told("of tenant-1")

    async with answering(answer) as port:
        outcome = await run_plan(plan(port, 100, rate=200.0))

    slow = [one for one in outcome.latencies["list"] if one > 100]
    assert len(outcome.latencies["list"]) == 100
    assert len(slow) > 20


async def test_a_server_that_hangs_up_is_a_fault() -> None:
    async def answer(_head: str) -> bytes:
        raise ConnectionError

    async with answering(answer) as port:
        outcome = await run_plan(plan(port, 4))
    assert outcome.faults == {"connection lost": 4}


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    made = plan(1, 3)
    made.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == made
