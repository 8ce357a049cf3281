"""`tocsin topics`: what is on the broker, beside what the catalogue wants."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Annotated

import typer

from infra.cli.console import emit, out, table
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.options import AsJson, DataDir
from infra.cli.schemas import open_schemas
from schemas.registry import SchemaRegistry
from schemas.topics import CATALOGUE
from streams.admin import PartitionEnds, open_admin
from streams.kafka import KafkaSettings

__all__ = ["ensure_topics", "topics"]


def topics(
    create: Annotated[bool, typer.Option("--create", help="Create what is missing.")] = False,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the topics: messages, partitions, keys, schema ids."""
    installation = load_installation(load_settings(data))
    ends, schemas = asyncio.run(_looked(installation, create))
    counts: dict[str, int] = defaultdict(int)
    for one in ends:
        counts[one.topic] += one.end - one.beginning
    listed = [
        {
            "topic": name,
            "messages": counts.get(name),
            "partitions": topic.partitions,
            "key": topic.key,
            "schema_id": schemas.current[name].id,
            "exists": name in counts,
        }
        for name, topic in CATALOGUE.items()
    ]
    if as_json:
        emit(listed)
    else:
        out.print(table("Topics", listed[0], [row.values() for row in listed]))


async def ensure_topics(kafka: KafkaSettings, replication: int) -> None:
    """Create every topic of the catalogue that is missing. Raises UnavailableError, ConfigurationError."""
    async with open_admin(kafka) as admin:
        await admin.ensure(replication=replication)


async def _looked(
    installation: Installation, create: bool
) -> tuple[tuple[PartitionEnds, ...], SchemaRegistry]:
    async with open_schemas(installation.settings.kafka) as schemas:
        replication = installation.settings.kafka.replication_factor
        return await _ends(installation.kafka, create, replication), schemas


async def _ends(kafka: KafkaSettings, create: bool, replication: int) -> tuple[PartitionEnds, ...]:
    async with open_admin(kafka) as admin:
        if create:
            await admin.ensure(replication=replication)
        return await admin.ends()
