"""The role `api`: HTTP for people and programs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from secrets import token_bytes
from typing import Final

import structlog
import uvicorn

from api.app import create_app
from api.options import ApiOptions
from api.ports import Deps
from infra.cli.compose.answers import open_answers
from infra.cli.compose.api_ports import (
    LenientLimiter,
    PrometheusPage,
    RandomIds,
    SpanTracer,
    StoredAnswers,
    TriageRules,
)
from infra.cli.compose.api_probes import open_probes
from infra.cli.compose.api_reads import open_reads
from infra.cli.compose.process import RoleProcess
from infra.runtime.security import ApiKeys, derived, load_pepper
from infra.runtime.security.enabled import EnabledTenants
from infra.runtime.settings import Settings
from infra.runtime.sql import ControlStore
from infra.runtime.sql.documents import SqlDocuments
from infra.runtime.sql.keys import SqlKeys
from schemas.errors import ConfigurationError

__all__ = ["run"]

_log = structlog.get_logger(__name__)

_GRACE_S: Final = 6
"""How long requests in flight may take when the role stops; the supervisor waits for 8 s."""

_READ_KEEP_S: Final = 1.0
"""Landing takes half a second and more: what is read may be a second behind that."""


async def run(process: RoleProcess, stop: asyncio.Event) -> None:
    """Serve until `stop`, then let requests end. Raises ConfigurationError where the port cannot be had."""
    settings = process.installation.settings
    options = _options(settings)
    app = create_app(options, await _deps(process, stop))
    with _bound(settings.api.host, settings.api.port) as listener:
        server = _Server(_config(app))
        stopping = asyncio.create_task(_stop(server, stop))
        host, port = listener.getsockname()[:2]
        _log.info("api_listening", host=host, port=port)
        try:
            await server.serve([listener])
        finally:
            stopping.cancel()


def _options(settings: Settings) -> ApiOptions:
    return ApiOptions(
        version=version("tocsin"),
        cursor_secret=derived(load_pepper(settings.pepper_file, token_bytes), "cursors"),
        max_body=settings.api.max_body_bytes,
        max_json_depth=settings.api.max_json_depth,
        read_keep_s=_READ_KEEP_S,
    )


async def _deps(process: RoleProcess, stop: asyncio.Event) -> Deps:
    settings, clock = process.installation.settings, process.clock
    publisher = await process.producer()
    database, redis = await process.database(), await process.redis()
    clickhouse = await process.clickhouse()
    control = ControlStore(database)
    answers = await open_answers(process, publisher, database, redis, clickhouse)
    keys = ApiKeys(
        SqlKeys(database),
        load_pepper(settings.pepper_file, token_bytes),
        now=clock.now,
        monotonic=clock.monotonic,
    )
    return Deps(
        publisher=publisher,
        documents=SqlDocuments(database),
        tenants=control,
        home=settings.tenant,
        rules=TriageRules(),
        authenticator=EnabledTenants(keys, control, clock.monotonic),
        limiter=LenientLimiter.over(redis, settings, process.recorder, clock.monotonic),
        idempotency=StoredAnswers.over(redis, settings.redis.prefix),
        probes=await open_probes(process, database, redis, clickhouse),
        metrics=PrometheusPage(process.recorder),
        reads=await open_reads(process, clickhouse, answers, stop),
        recorder=process.recorder,
        tracer=SpanTracer(process.tracing),
        clock=clock,
        ids=RandomIds(),
        stopping=stop,
    )


class _Server(uvicorn.Server):
    """Leaves the signals to the role, which knows what else there is to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: object, grace_s: int = _GRACE_S) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # uvicorn's own alias of an ASGI application is stricter than ASGI
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=grace_s,
        timeout_keep_alive=75,
    )


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise ConfigurationError(
                f"the API cannot listen on {host}:{port}: {error.strerror}",
                cure="Choose another with TOCSIN_API__HOST and TOCSIN_API__PORT.",
            ) from error
        yield listener
