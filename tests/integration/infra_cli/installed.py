"""The command line against real servers, without the roles: what they would have written is put there by the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from infra.cli.context import load_installation, load_settings
from infra.cli.main import app
from infra.cli.tables import address_of
from schemas.events import Event
from sinks.clickhouse.client import ClickHouse, open_clickhouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.migrate import Migrator, load_migrations
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from streams.reader import ReadEvent, open_reader
from tests.integration.sinks.samples import FixedClock, Landed, messages

__all__ = ["LONG_AGO", "Installed"]

LONG_AGO = "2020-01-01"
"""For --since: the samples' time is fixed."""

Json = Any  # what a command prints


@dataclass(slots=True)
class Installed:
    """Servers and a tenant of the test's own; `offset` counts what was landed."""

    tenant: str
    data_dir: Path
    offset: int = 0

    def run(self, *arguments: str, status: int = 0) -> Result:
        """Run a command as a person does. Raises the command's own TocsinError."""
        done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == status, f"{arguments}: {done.exit_code}\n{done.output}"
        return done

    def json(self, *arguments: str, status: int = 0) -> list[Json]:
        """Run a command with --json; returns what it prints, a value a line."""
        return [
            json.loads(line) for line in self.run(*arguments, "--json", status=status).stdout.splitlines()
        ]

    def land(self, *events: Event) -> None:
        """Put events into their tables."""
        asyncio.run(self._land(events))

    def produce(self, *events: Event) -> None:
        """Put events on their topics."""
        asyncio.run(self._produce(events))

    def consume(self, topic: str) -> list[Event]:
        """Return what is on a topic."""
        return asyncio.run(self._consume(topic))

    def land_topic(self, topic: str, turn: str = "first") -> None:
        """Put what is on a topic into its table, each message at its place; another turn lands it once more."""
        asyncio.run(self._land_topic(topic, turn))

    @property
    def kafka(self) -> KafkaSettings:
        return load_installation(load_settings(self.data_dir)).kafka

    async def migrate(self) -> None:
        async with self._clickhouse() as clickhouse:
            await Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations()).up()

    async def make_topics(self) -> None:
        async with open_admin(self.kafka) as admin:
            await admin.ensure()

    def _clickhouse(self) -> Any:
        return open_clickhouse(address_of(load_installation(load_settings(self.data_dir))))

    async def _land(self, events: Sequence[Event]) -> None:
        async with self._clickhouse() as clickhouse:
            assert isinstance(clickhouse, ClickHouse)
            landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch=self.tenant)
            for topic, some in groupby(events, key=lambda event: event.TOPIC):
                batch = messages(list(some), first=self.offset)
                first, self.offset = self.offset, self.offset + len(batch)
                await landing.insert(topic, batch, f"{topic}:0:{first}-{self.offset - 1}")

    async def _land_topic(self, topic: str, turn: str) -> None:
        async with open_reader(self.kafka) as reader, self._clickhouse() as clickhouse:
            landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch=self.tenant)
            async for read in reader.events([topic]):
                assert isinstance(read, ReadEvent)
                place = (read.message.partition, read.message.offset)
                await landing.insert(topic, [Landed(read.event, topic, *place)], f"{turn}:{topic}:{place}")

    async def _produce(self, events: Sequence[Event]) -> None:
        async with open_producer(self.kafka, source="/tocsin/test") as producer:
            await producer.publish_all(list(events))

    async def _consume(self, topic: str) -> list[Event]:
        async with open_reader(self.kafka) as reader:
            found = [read async for read in reader.events([topic])]
        return [read.event for read in found if isinstance(read, ReadEvent)]
