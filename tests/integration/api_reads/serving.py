"""The reading side as programs outside meet it: a real HTTP server over real tables and a real broker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn

from api.answer_ports import Answers
from api.app import create_app
from api.read_ports import ReadDeps
from api.registry import SubjectRegistry
from infra.cli.compose.api_reads import LandedTables, RequestsByHand, log_name
from infra.cli.compose.api_topics import BrokerTopics
from infra.runtime.clock import SystemClock
from schemas.events import Event
from schemas.registry import builtin_registry
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from streams.admin import open_admin
from streams.feed import InvestigationFeed
from streams.kafka import KafkaSettings
from streams.producer import EventProducer, open_producer
from tests.fakes.api import FakeApi, make_api
from tests.fakes.api_reads import ScriptedAnswers
from tests.fakes.certificates import Identity
from tests.fakes.full_events import at
from tests.integration.sinks.samples import messages

__all__ = ["Served", "landed", "serve", "serve_reads"]


@dataclass(frozen=True, slots=True)
class Served:
    """An API that answers at `url`; keys are `<tenant>.<role>[+<role>]`."""

    url: str
    api: FakeApi
    feed: InvestigationFeed | None = None
    producer: EventProducer | None = None

    def client(self, key: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60.0, trust_env=False
        )


@asynccontextmanager
async def serve(api: FakeApi, port: int = 0, identity: Identity | None = None) -> AsyncIterator[Served]:
    """Serve the application at a port of its own while the context lasts, in this event loop; with an identity over TLS."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        config = uvicorn.Config(
            create_app(api.options, api.deps),
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=2,
            ssl_certfile=str(identity.certificate) if identity else None,
            ssl_keyfile=str(identity.key) if identity else None,
            ssl_keyfile_password=identity.password if identity else None,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this flag alone
                await asyncio.sleep(0.01)
            scheme = "https" if identity else "http"
            yield Served(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", api)
        finally:
            api.deps.stopping.set()
            server.should_exit = True
            await serving


@asynccontextmanager
async def serve_reads(
    clickhouse: ClickHouse, kafka: KafkaSettings | None, epoch: str, answers: Answers | None = None
) -> AsyncIterator[Served]:
    """Serve over the tables, and over the broker's topics where there is one. The API's clock stands at noon."""
    settings = kafka or KafkaSettings(bootstrap_servers="127.0.0.1:1")
    feed = InvestigationFeed(settings, SystemClock())
    reads = ReadDeps(
        tables=LandedTables(clickhouse, epoch),
        feed=feed,
        topics=BrokerTopics(settings, SystemClock()),
        requests=RequestsByHand(),
        answers=answers or ScriptedAnswers(),
        registry=SubjectRegistry(builtin_registry(), settings.names),
        log=log_name(epoch),
    )
    async with AsyncExitStack() as stack:
        producer = None
        changed: dict[str, Any] = {"reads": reads}
        if kafka is not None:
            async with open_admin(kafka) as admin:
                await admin.ensure()
            producer = await stack.enter_async_context(open_producer(kafka, source="/tocsin/test"))
            changed["publisher"] = producer
            stop = asyncio.Event()
            running = asyncio.create_task(feed.run(stop))
            stack.push_async_callback(asyncio.wait_for, running, 20)
            stack.callback(stop.set)
        api = make_api(**changed)
        api.clock.at = at(600)
        served = await stack.enter_async_context(serve(api))
        yield Served(served.url, api, feed, producer)


async def landed(landing: ClickHouseLanding, *events: Event, first: int = 0) -> None:
    """Land events of several topics, each topic's at the offsets from `first` on."""
    for topic in dict.fromkeys(event.TOPIC for event in events):
        batch = messages([event for event in events if topic == event.TOPIC], first=first)
        await landing.insert(topic, batch, f"{topic}:0:{first}-{first + len(batch) - 1}")
