"""Which ids the messages of an installation carry: an outside registry's where one is named, else our own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING

from infra.cli.logs_aside import logs_aside
from infra.runtime.clock import SystemClock
from infra.runtime.settings import KafkaSection
from schemas.registry import SchemaRegistry, builtin_registry
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from infra.runtime.schema_registry import RegistryAddress

__all__ = ["missing_schemas", "open_reading_schemas", "open_schemas", "registry_address"]


def registry_address(section: KafkaSection) -> RegistryAddress | None:
    """Return where the outside registry is and how to log in; None where none is named."""
    if not section.schema_registry_urls:
        return None
    from infra.runtime.schema_registry import RegistryAddress  # noqa: PLC0415 - 0.2 s that few need

    return RegistryAddress(
        urls=section.schema_registry_urls,
        user=section.schema_registry_user,
        password=section.schema_registry_password.get_secret_value(),
        cafile=section.schema_registry_ssl_cafile,
        certfile=section.schema_registry_ssl_certfile,
        keyfile=section.schema_registry_ssl_keyfile,
        timeout_s=section.schema_registry_timeout_s,
    )


@asynccontextmanager
async def open_schemas(section: KafkaSection, *, history: bool = False) -> AsyncIterator[SchemaRegistry]:
    """Yield the schemas for writing and reading. `history` learns an outside registry's past versions at once.

    Raises:
        UnavailableError: the registry that is named does not answer.
        ConfigurationError: it cannot be used as it is set.
    """
    address = registry_address(section)
    if address is None:
        yield builtin_registry()
        return
    from infra.runtime.schema_registry import RegistryPolicy, open_schema_registry  # noqa: PLC0415 - as above

    policy = RegistryPolicy(register=section.schema_registry_register, history=history)
    names = TopicNames(section.topic_prefix)
    # A role, which wants the history too, has said where its logs go.
    with nullcontext() if history else logs_aside():
        async with open_schema_registry(address, names, SystemClock(), policy) as schemas:
            yield schemas


@asynccontextmanager
async def open_reading_schemas(section: KafkaSection) -> AsyncIterator[SchemaRegistry]:
    """Yield the schemas for reading only: an outside registry is asked for the ids that messages bring, and nothing else.

    Raises:
        ConfigurationError: a certificate cannot be read.
    """
    address = registry_address(section)
    if address is None:
        yield builtin_registry()
        return
    from infra.runtime.schema_registry import open_schemas_by_id  # noqa: PLC0415 - as above

    with logs_aside():
        async with open_schemas_by_id(address, SystemClock()) as schemas:
            yield schemas


async def missing_schemas(section: KafkaSection) -> tuple[str, ...]:
    """Return the subjects that an outside registry does not have as we write them. Raises like `open_schemas`, at once."""
    address = registry_address(section)
    if address is None:
        return ()
    from infra.runtime.schema_registry import missing_subjects, open_client  # noqa: PLC0415 - as above

    async with open_client(address) as client:
        return await missing_subjects(client, TopicNames(section.topic_prefix))
