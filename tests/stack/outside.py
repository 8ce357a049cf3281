"""A Tocsin whose servers are elsewhere, and what tests ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from infra.cli.context import load_installation, load_settings
from schemas.events import Event
from streams.reader import ReadEvent, open_reader
from tests.e2e.stack import RunningStack

__all__ = ["OutsideStack", "Sender", "events_of"]

_E = TypeVar("_E", bound=Event)


@dataclass(frozen=True, slots=True)
class OutsideStack:
    """`settings` are what it was started with, in the environment."""

    running: RunningStack
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sender:
    """What a program of others is told: where the API is, and a key that may write events and nothing else."""

    url: str
    key: str
    tenant: str


def events_of(stack: RunningStack, kind: type[_E], tenant: str) -> list[_E]:
    """Return the tenant's events of this kind from its topic, from the beginning to now. Blocks."""

    async def read() -> list[_E]:
        kafka = load_installation(load_settings(stack.data_dir)).kafka
        async with open_reader(kafka) as reader:
            found = [one async for one in reader.events([kind.TOPIC])]
        events = [one.event for one in found if isinstance(one, ReadEvent)]
        return [one for one in events if isinstance(one, kind) and one.tenant == tenant]

    return asyncio.run(read())
