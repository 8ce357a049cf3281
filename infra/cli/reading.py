"""How a command reads topics: with the schemas that the installation's messages were written with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.cli.context import Installation
from infra.cli.schemas import open_reading_schemas
from streams.reader import TopicReader, open_reader

__all__ = ["open_topics"]


@asynccontextmanager
async def open_topics(installation: Installation) -> AsyncIterator[TopicReader]:
    """Connect, and close at the end. Raises like `open_reader`."""
    async with (
        open_reading_schemas(installation.settings.kafka) as schemas,
        open_reader(installation.kafka, schemas) as reader,
    ):
        yield reader
