"""Load at a fixed rate over HTTP/1.1: `python -m tests.bench.reads.open_loop PLAN.json OUTCOME.json` writes what came of it.

Open loop: requests are sent when they are due (Poisson arrivals), however many are still under way, each on a connection
that is idle or new. A latency counts from when its request was due, so a server that stalls cannot make the generator
wait and thereby look better (coordinated omission; Tene, "How NOT to measure latency").
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, cast

import httptools
import uvloop

__all__ = ["Outcome", "Plan", "Planned", "run_plan"]

_CONNECTIONS: Final = 64
_GIVE_UP_S: Final = 20.0
_TENANT: Final = re.compile(rb"tenant-\d+")


@dataclass(frozen=True, slots=True)
class Planned:
    """A GET: `kind` is what it is counted as; an answer that names another tenant than `tenant` is a fault."""

    kind: str
    path: str
    key: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests` are sent in order at `rate` a second; `known` is the share that says what it has (If-None-Match)."""

    host: str
    port: int
    rate: float
    requests: tuple[Planned, ...]
    known: float = 0.3
    seed: int = 1

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Plan:
        told = json.loads(path.read_text())
        return cls(**{**told, "requests": tuple(Planned(**one) for one in told["requests"])})


@dataclass(slots=True)
class Outcome:
    """`latencies` in ms by kind; `faults` by what was wrong; `late` is by how many ms each was sent after it was due."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    late: list[float] = field(default_factory=list)
    given_again: int = 0
    """Answers with an Age: from the server's memory."""
    bytes: int = 0


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._now: tuple[Planned, float] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def send(self, planned: Planned, due: float, etag: str) -> None:
        assert self._transport is not None
        self._now = (planned, due)
        condition = f"If-None-Match: {etag}\r\n" if etag else ""
        text = f"GET {planned.path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {planned.key}\r\n{condition}\r\n"
        self._transport.write(text.encode())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        assert self._now is not None
        (planned, due), self._now = self._now, None
        self._load.answered(planned, due, self._parser.get_status_code(), self._headers, b"".join(self._body))
        self._headers, self._body = {}, []
        self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._now is not None:
            self._load.fault("connection lost")
        if self in self._load.idle:
            self._load.idle.remove(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)
        self._etags: dict[tuple[str, str], str] = {}
        self._under_way = 0
        self._all_sent = False
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.idle: list[_Connection] = []
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        self.idle = [await self._connect() for _ in range(_CONNECTIONS)]
        opened = list(self.idle)
        waiting = set[asyncio.Task[None]]()
        for planned, due in self._arrivals():
            if (pause := due - self._loop.time()) > 0:
                await asyncio.sleep(pause)
            self._under_way += 1
            if self.idle:
                self._send(self.idle.pop(), planned, due)
            else:
                waiting.add(asyncio.create_task(self._send_on_new(planned, due, opened)))
        with suppress(TimeoutError):
            async with asyncio.timeout(_GIVE_UP_S):
                await asyncio.gather(*waiting)
                self._all_sent = True
                self._see_whether_done()
                await self._done.wait()
        if self._under_way:
            self.outcome.faults["not answered"] += self._under_way
        outcome = replace(self.outcome, faults=Counter(self.outcome.faults))
        for connection in opened:
            connection.close()
        return outcome

    def _arrivals(self) -> Iterator[tuple[Planned, float]]:
        due = self._loop.time() + 0.1
        for planned in self._plan.requests:
            due += self._rng.expovariate(self._plan.rate)
            yield planned, due

    async def _connect(self) -> _Connection:
        _, connection = await self._loop.create_connection(
            lambda: _Connection(self), self._plan.host, self._plan.port
        )
        return connection

    async def _send_on_new(self, planned: Planned, due: float, opened: list[_Connection]) -> None:
        opened.append(connection := await self._connect())
        self._send(connection, planned, due)

    def _send(self, connection: _Connection, planned: Planned, due: float) -> None:
        self.outcome.late.append((self._loop.time() - due) * 1000)
        tells = self._rng.random() < self._plan.known
        connection.send(planned, due, self._etags.get((planned.key, planned.path), "") if tells else "")

    def answered(
        self, planned: Planned, due: float, status: int, headers: dict[bytes, bytes], body: bytes
    ) -> None:
        self._under_way -= 1
        self.outcome.latencies.setdefault(planned.kind, []).append((self._loop.time() - due) * 1000)
        self.outcome.statuses[str(status)] += 1
        self.outcome.given_again += b"age" in headers
        self.outcome.bytes += len(body)
        if status not in {200, 304}:
            self.outcome.faults[f"{planned.kind}: {status}"] += 1
        if set(_TENANT.findall(body)) - {planned.tenant.encode()}:
            self.outcome.faults[f"{planned.kind}: another tenant's"] += 1
        if b"etag" in headers:
            self._etags[planned.key, planned.path] = headers[b"etag"].decode()
        self._see_whether_done()

    def fault(self, what: str) -> None:
        self._under_way -= 1
        self.outcome.faults[what] += 1
        self._see_whether_done()

    def _see_whether_done(self) -> None:
        if self._all_sent and not self._under_way:
            self._done.set()


async def run_plan(plan: Plan) -> Outcome:
    """Send everything and wait for the answers; those that do not come within 20 s of the last request are faults."""
    return await _Load(plan).run()


def _told(outcome: Outcome) -> dict[str, Any]:
    return {one.name: getattr(outcome, one.name) for one in fields(outcome)}


if __name__ == "__main__":
    came = uvloop.run(run_plan(Plan.load(Path(sys.argv[1]))))
    Path(sys.argv[2]).write_text(json.dumps(_told(came)))
