"""Which schema id means which schema: the current ones and every one ever released, from the `.avsc` files.

An id is the first 31 bits of the SHA-256 of the schema's parsing canonical form (Avro specification), so that it
is the same on every machine without a registry to ask. A registry outside may hand out its own ids instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastavro.schema import parse_schema, to_parsing_canonical_form
from fastavro.types import Schema

from schemas.avro_derivation import AvroSchema
from schemas.errors import UnknownSchemaError
from schemas.topics import CATALOGUE

__all__ = ["AVRO_DIRECTORY", "RegisteredSchema", "SchemaRegistry", "builtin_registry", "schema_id_of"]

AVRO_DIRECTORY = Path(__file__).parent / "avro"
"""`<topic>.avsc` is the current schema; `released/<version>/<topic>.avsc` are those of past releases."""


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema with its id. `parsed` is fastavro's form."""

    id: int
    topic: str
    schema: AvroSchema
    parsed: Schema


@dataclass(frozen=True, slots=True)
class SchemaRegistry:
    """Schemas by id, and the current one by bare topic name."""

    by_id: Mapping[int, RegisteredSchema]
    current: Mapping[str, RegisteredSchema]

    def with_id(self, schema_id: int) -> RegisteredSchema:
        """Raises UnknownSchemaError."""
        found = self.by_id.get(schema_id)
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
    current = {name: _load(AVRO_DIRECTORY / f"{name}.avsc", name) for name in CATALOGUE}
    released = [
        _load(path, path.stem)
        for path in sorted(AVRO_DIRECTORY.glob("released/*/*.avsc"))
        if path.stem in CATALOGUE
    ]
    by_id = {one.id: one for one in [*released, *current.values()]}
    return SchemaRegistry(by_id=by_id, current=current)


def _load(path: Path, topic: str) -> RegisteredSchema:
    schema: AvroSchema = json.loads(path.read_text(encoding="utf-8"))
    return RegisteredSchema(schema_id_of(schema), topic, schema, parse_schema(schema))
