"""The start: our schemas are found in the registry, or put there, and take the registry's ids."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import structlog

from infra.runtime.schema_registry.client import RegistryAddress, RegistryClient, SchemaText, open_client
from infra.runtime.schema_registry.learned import LearnedSchemas
from infra.runtime.schema_registry.patience import Clock, Patience
from infra.runtime.schema_registry.texts import TopicsByRecord, as_registered, topics_by_record
from schemas.errors import ConfigurationError, InvalidEventError, UnavailableError
from schemas.registry import RegisteredSchema, SchemaRegistry, builtin_registry
from schemas.topics import CATALOGUE, TopicNames

__all__ = ["RegistryPolicy", "enrol", "missing_subjects", "open_schema_registry", "open_schemas_by_id"]

_log = structlog.get_logger(__name__)

_AT_ONCE: Final = 8
_HISTORY: Final = 50
"""Versions of a subject that are known from the start, the newest; older ones are asked for when a message comes."""


@dataclass(frozen=True, slots=True)
class RegistryPolicy:
    """What is asked and how long. Times in seconds.

    `register`: put schemas there that are missing. `history`: learn past versions at once, not when a message comes.
    `patience_s`: how long the registry may be away at the start, `reading_patience_s` when a message brings a new id.
    """

    register: bool = True
    history: bool = True
    patience_s: float = 20.0
    reading_patience_s: float = 3.0


@asynccontextmanager
async def open_schema_registry(
    address: RegistryAddress, names: TopicNames, clock: Clock, policy: RegistryPolicy | None = None
) -> AsyncIterator[SchemaRegistry]:
    """Yield our schemas under the registry's ids; ids that come later are asked for while the context lasts.

    Messages under our own ids (those without a registry) are read all the same: what was written before is not lost.

    Raises:
        UnavailableError: the registry was away for longer than the patience.
        ConfigurationError: it refuses the login or a schema, is no registry, or a schema is missing and must not be put there.
    """
    policy = policy or RegistryPolicy()
    async with open_client(address) as client:
        enrolled = await enrol(client, names, clock, policy)
        yield replace(enrolled, source=_source(client, clock, policy))


@asynccontextmanager
async def open_schemas_by_id(
    address: RegistryAddress, clock: Clock, policy: RegistryPolicy | None = None
) -> AsyncIterator[SchemaRegistry]:
    """Yield our schemas under our own ids, for reading only: the registry is asked for ids that messages bring.

    Raises:
        ConfigurationError: a certificate cannot be read.
    """
    async with open_client(address) as client:
        yield replace(builtin_registry(), source=_source(client, clock, policy or RegistryPolicy()))


def _source(client: RegistryClient, clock: Clock, policy: RegistryPolicy) -> LearnedSchemas:
    patience = Patience(clock, policy.reading_patience_s)

    async def ask(schema_id: int) -> SchemaText | None:
        return await patience.asked(lambda: client.schema(schema_id))

    return LearnedSchemas(ask, topics_by_record(builtin_registry().current), clock.monotonic)


async def enrol(
    client: RegistryClient, names: TopicNames, clock: Clock, policy: RegistryPolicy
) -> SchemaRegistry:
    """Return the catalogue's schemas as the registry has them, and what it has of their past. Raises like above."""
    ours = builtin_registry()
    turns = asyncio.Semaphore(_AT_ONCE)
    patience = Patience(clock, policy.patience_s)
    enrolment = _Enrolment(client, names, topics_by_record(ours.current), policy)

    async def one(topic: str) -> tuple[RegisteredSchema, ...]:
        async with turns:
            return await patience.asked(lambda: enrolment.topic(ours.current[topic]))

    # All are waited for, so that none is left asking when the client closes.
    found = await asyncio.gather(*map(one, CATALOGUE), return_exceptions=True)
    theirs: list[tuple[RegisteredSchema, ...]] = []
    for result in found:
        if isinstance(result, BaseException):
            raise result
        theirs.append(result)
    current = {versions[-1].topic: versions[-1] for versions in theirs}
    by_id = {one.id: one for versions in theirs for one in versions}
    return SchemaRegistry(by_id={**ours.by_id, **by_id}, current=current)


async def missing_subjects(client: RegistryClient, names: TopicNames) -> tuple[str, ...]:
    """Return the subjects under which the registry does not have what we write; changes nothing. Asked once.

    Raises:
        UnavailableError, ConfigurationError: like the client.
    """
    ours = builtin_registry().current
    subjects = {_subject(names, topic): _text(ours[topic]) for topic in CATALOGUE}
    return tuple([name for name, text in subjects.items() if await client.lookup(name, text) is None])


@dataclass(frozen=True, slots=True)
class _Enrolment:
    client: RegistryClient
    names: TopicNames
    topics: TopicsByRecord
    policy: RegistryPolicy

    async def topic(self, ours: RegisteredSchema) -> tuple[RegisteredSchema, ...]:
        """Return what the registry knows of one topic's past, and last what we write."""
        subject = _subject(self.names, ours.topic)
        current = await self._current(subject, ours)
        past = await self._past(subject, current) if self.policy.history else []
        return (*past, current)

    async def _current(self, subject: str, ours: RegisteredSchema) -> RegisteredSchema:
        text = _text(ours)
        found = await self.client.lookup(subject, text)
        if found is not None:
            return replace(ours, id=found.id, version=found.version)
        if not self.policy.register:
            raise ConfigurationError(
                f"the schema registry does not have the schema of {ours.topic} under {subject}",
                cure="Put it there (`tocsin topics` with kafka.schema_registry_register = true does), or allow the roles to.",
            )
        await self.client.register(subject, text)
        _log.info("schema_registered", subject=subject)
        found = await self.client.lookup(subject, text)
        if found is None:
            raise UnavailableError(f"the schema registry does not know yet what was put under {subject}")
        return replace(ours, id=found.id, version=found.version)

    async def _past(self, subject: str, current: RegisteredSchema) -> list[RegisteredSchema]:
        known: list[RegisteredSchema] = []
        for version in (await self.client.versions(subject))[-_HISTORY:]:
            found = await self.client.version(subject, version) if version != current.version else None
            if found is None:
                continue
            try:
                one = as_registered(found.id, found, self.topics, version)
            except InvalidEventError as error:
                _log.warning("schema_not_ours", subject=subject, version=version, error=str(error))
            else:
                known += [one] if one.topic == current.topic else []
        return known


def _subject(names: TopicNames, topic: str) -> str:
    return f"{names.on_broker(topic)}-value"


def _text(ours: RegisteredSchema) -> str:
    """Apicurio takes the text `"{}"`, as a default, for an empty object, and refuses the schema; escaped it means the same."""
    text = json.dumps(ours.schema, separators=(",", ":"), ensure_ascii=False)
    return text.replace('"{}"', r'"\u007b}"')
