"""The process around the application: opens the engine, serves, closes both in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import uuid
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from infra.local.clickhouse_front.app import Front, Limits
from infra.local.clickhouse_front.engine import Engine
from infra.local.clickhouse_front.exchange import Exchanges, Workers
from infra.local.clickhouse_front.requests import Credentials
from infra.local.clickhouse_front.slots import Slots

__all__ = ["FrontConfig", "serve"]

_CANCEL_EVERY_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class FrontConfig:
    """`pool` queries run at once and `queue` wait; `allowed` None asks for no password.

    `grace_s`: how long a stop waits for requests in flight, in seconds. `max_body`: bytes of one request.
    """

    data: Path
    host: str
    port: int
    pool: int = 4
    queue: int = 256
    allowed: Credentials | None = field(default=None, repr=False)
    grace_s: int = 8
    max_body: int = 1 << 30


class _Server(uvicorn.Server):
    """Says on standard output, in one line of JSON, that it accepts connections."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self._ready + "\n")
            sys.stdout.flush()


def serve(config: FrontConfig) -> None:
    """Serve until SIGTERM or SIGINT; blocks.

    Requests in flight are finished, or cancelled after `grace_s`; then the engine is closed.

    Raises:
        UnavailableError: the data directory cannot be opened, as when another process owns it.
        SystemExit: the port cannot be bound (uvicorn says why on standard error).
    """
    with ExitStack() as stack:
        engine = Engine(config.data)
        stack.callback(engine.close)
        workers = Workers(
            queries=stack.enter_context(ThreadPoolExecutor(config.pool, "query")),
            control=stack.enter_context(ThreadPoolExecutor(1, "control")),
        )
        stack.callback(_drain, engine, workers.queries, config.pool)
        front = Front(
            Exchanges(engine, workers),
            Slots(running=config.pool, waiting=config.queue),
            Limits(config.allowed, config.max_body),
            new_tag=lambda: str(uuid.uuid4()),
        )
        server = _Server(_uvicorn_config(front, config), _ready_line(engine, config))
        _end_on_signals(server)
        server.run()


def _drain(engine: Engine, queries: Executor, pool: int) -> None:
    """Cancel until no query runs: until every thread of the pool is free at the same moment."""
    barrier = threading.Barrier(pool)
    free = [queries.submit(barrier.wait) for _ in range(pool)]
    while wait(free, timeout=_CANCEL_EVERY_S).not_done:
        engine.cancel_all()


def _end_on_signals(server: uvicorn.Server) -> None:
    """Uvicorn raises the signal again after its own shutdown; with this the process still ends with 0."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _uvicorn_config(front: Front, config: FrontConfig) -> uvicorn.Config:
    return uvicorn.Config(
        front,
        host=config.host,
        port=config.port,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=config.grace_s,
        # Longer than clickhouse_connect keeps an idle connection, so that the client closes first.
        timeout_keep_alive=75,
    )


def _ready_line(engine: Engine, config: FrontConfig) -> str:
    return json.dumps(
        {
            "event": "clickhouse_front.ready",
            "host": config.host,
            "port": config.port,
            "pid": os.getpid(),
            "data": str(config.data),
            "version": engine.version,
        }
    )
