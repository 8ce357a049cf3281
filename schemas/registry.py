"""Which schema id means which schema: the current ones and every one ever released, from the `.avsc` files.

An id is the first 31 bits of the SHA-256 of the schema's parsing canonical form (Avro specification), so that it
is the same on every machine without a registry to ask. A registry outside may hand out its own ids instead; then a
SchemaSource asks it for those that were not known at the start.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from fastavro.schema import parse_schema, to_parsing_canonical_form
from fastavro.types import Schema

from schemas.avro_derivation import AvroSchema
from schemas.errors import UnknownSchemaError
from schemas.topics import CATALOGUE

__all__ = [
    "AVRO_DIRECTORY",
    "RegisteredSchema",
    "SchemaRegistry",
    "SchemaSource",
    "builtin_registry",
    "load_registry",
    "schema_id_of",
]

AVRO_DIRECTORY = Path(__file__).parent / "avro"
"""`<topic>.avsc` is the current schema; `released/<version>/<topic>.avsc` are those of past releases."""


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema with its id. `parsed` is fastavro's form, `version` its number under its subject in an outside registry."""

    id: int
    topic: str
    schema: AvroSchema
    parsed: Schema
    version: int | None = None


class SchemaSource(Protocol):
    """Where schemas are had that were not known at the start: a registry outside."""

    def known(self, schema_id: int) -> RegisteredSchema | None:
        """Return what was learned before. Does not block."""
        ...

    async def learn(self, schema_id: int) -> None:
        """Ask for a schema; `known` has it then.

        Raises:
            InvalidEventError: there is none of this id (`unknown_schema`), or none that is one of ours.
            UnavailableError: it cannot be told now.
        """
        ...


class _NoSource:
    def known(self, schema_id: int) -> RegisteredSchema | None:
        del schema_id
        return None

    async def learn(self, schema_id: int) -> None:
        raise UnknownSchemaError(schema_id)


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """Schemas by id, the current one by bare topic name, and where others are asked for."""

    by_id: Mapping[int, RegisteredSchema]
    current: Mapping[str, RegisteredSchema]
    source: SchemaSource = field(default_factory=_NoSource)

    def with_id(self, schema_id: int) -> RegisteredSchema:
        """Return what is known by now, without blocking. Raises UnknownSchemaError: `source.learn` may know it."""
        found = self.by_id.get(schema_id) or self.source.known(schema_id)
        if found is None:
            raise UnknownSchemaError(schema_id)
        return found


def schema_id_of(schema: AvroSchema) -> int:
    """Return the schema's id, between 1 and 2^31 - 1."""
    canonical = to_parsing_canonical_form(schema).encode()
    return int.from_bytes(hashlib.sha256(canonical).digest()[:4], "big") >> 1 or 1


@cache
def builtin_registry() -> SchemaRegistry:
    """Return the registry of the schemas that this version ships."""
    return load_registry(AVRO_DIRECTORY)


def load_registry(directory: Path) -> SchemaRegistry:
    """Return the registry of a folder laid out like AVRO_DIRECTORY; `by_id` has the oldest release first. Reads files."""
    current = {name: _load(directory / f"{name}.avsc", name) for name in CATALOGUE}
    paths = sorted(directory.glob("released/*/*.avsc"), key=lambda path: _release_order(path.parent.name))
    released = [_load(path, path.stem) for path in paths if path.stem in CATALOGUE]
    by_id = {one.id: one for one in [*released, *current.values()]}
    return SchemaRegistry(by_id=by_id, current=current)


def _release_order(version: str) -> tuple[tuple[int, ...], bool, tuple[tuple[int, str], ...]]:
    """Order releases as PEP 440 does: by number, 1.10 after 1.9, and 1.0rc1 before 1.0."""
    numbers, rest = _RELEASE.fullmatch(version).groups()  # type: ignore[union-attr]  # both parts may be empty
    parts = tuple((int(number or 0), text) for text, number in _PART.findall(rest))
    return tuple(int(number) for number in numbers.split(".") if number), not rest, parts


_RELEASE = re.compile(r"([\d.]*)(.*)", re.DOTALL)
_PART = re.compile(r"(\D+)(\d*)")


def _load(path: Path, topic: str) -> RegisteredSchema:
    schema: AvroSchema = json.loads(path.read_text(encoding="utf-8"))
    return RegisteredSchema(schema_id_of(schema), topic, schema, parse_schema(schema))
