"""How a command sends events: a producer whose events begin traces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.cli.context import Installation
from infra.cli.schemas import open_schemas
from infra.runtime.telemetry import configure_tracing
from streams.producer import EventProducer, open_producer

__all__ = ["open_publisher"]


@asynccontextmanager
async def open_publisher(installation: Installation, source: str) -> AsyncIterator[EventProducer]:
    """Connect as the CloudEvents source `/tocsin/<source>`. Flushes events and spans at the end.

    Raises:
        UnavailableError: no broker answers, or not the schema registry that is named.
        ConfigurationError: one of them cannot be used as it is set.
    """
    tracing = configure_tracing("cli", installation.settings.telemetry.otlp_endpoint)
    try:
        async with (
            open_schemas(installation.settings.kafka) as schemas,
            open_producer(
                installation.kafka, source=f"/tocsin/{source}", registry=schemas, tracing=tracing
            ) as producer,
        ):
            yield producer
    finally:
        tracing.shutdown()
