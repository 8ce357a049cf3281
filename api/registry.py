"""The Schema Registry's read side over our own schemas: subjects, versions, ids, look-up, compatibility.

Subjects are `<topic>-value` (TopicNameStrategy) with the topic's name on the broker. A subject's versions count from 1 in
the order in which its schemas were released; the last is the one that is written today. Where a registry outside hands
out the ids, they and the versions are its own, as they were when this process began. Errors carry the registry's own
codes (Confluent Schema Registry API reference), so that its clients understand them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from fastavro.schema import SchemaParseException, UnknownType, parse_schema

from schemas.compatibility import breaking_changes
from schemas.errors import TerminalError
from schemas.registry import RegisteredSchema, SchemaRegistry, schema_id_of
from schemas.topics import CATALOGUE, TopicNames

__all__ = ["COMPATIBILITY", "RegistryError", "SubjectRegistry", "SubjectVersion"]

COMPATIBILITY: Final = "BACKWARD"
"""Of every subject: a reader with the new schema reads what was written with the old."""

_SUBJECT_NOT_FOUND = 40401
_VERSION_NOT_FOUND = 40402
_SCHEMA_NOT_FOUND = 40403
_NO_SUBJECT_CONFIG = 40408
_INVALID_SCHEMA = 42201
_INVALID_VERSION = 42202
_READ_ONLY = 42205

_MAX_VERSION = 2**31 - 1
_SUFFIX = "-value"


class RegistryError(TerminalError):
    """A refusal in the registry's own form: `code` is its error_code, whose first three digits are the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> int:
        return self.code // 100


@dataclass(frozen=True, slots=True)
class SubjectVersion:
    """A schema under its subject; `schema` is its JSON text."""

    subject: str
    version: int
    id: int
    schema: str


class SubjectRegistry:
    """Answers the registry's questions. Never changes, never blocks. Every method may raise RegistryError."""

    def __init__(self, registry: SchemaRegistry, names: TopicNames | None = None) -> None:
        self._registry = registry
        self._names = names or TopicNames()

    @cached_property
    def _subjects(self) -> Mapping[str, tuple[SubjectVersion, ...]]:
        return {self._subject(topic): self._versions_of(topic) for topic in sorted(CATALOGUE)}

    def _subject(self, topic: str) -> str:
        return f"{self._names.on_broker(topic)}{_SUFFIX}"

    def _versions_of(self, topic: str) -> tuple[SubjectVersion, ...]:
        current = self._registry.current[topic]
        all_of_it = [one for one in self._registry.by_id.values() if one.topic == topic]
        numbered = {one.version: one for one in all_of_it if one.version is not None}
        if current.version is None:
            past = [one for one in all_of_it if one.id != current.id]
            numbered = dict(enumerate([*past, current], start=1))
        subject = self._subject(topic)
        return tuple(
            SubjectVersion(subject, number, one.id, _text(one)) for number, one in sorted(numbered.items())
        )

    def subjects(self, prefix: str = "") -> tuple[str, ...]:
        """Return the subjects that begin with the prefix, in order."""
        return tuple(subject for subject in self._subjects if subject.startswith(prefix))

    def versions(self, subject: str) -> tuple[SubjectVersion, ...]:
        """Return every version of the subject, the oldest first."""
        found = self._subjects.get(subject)
        if found is None:
            raise RegistryError(_SUBJECT_NOT_FOUND, f"Subject '{subject}' not found.")
        return found

    def version(self, subject: str, version: str) -> SubjectVersion:
        """Return one version; `latest` and `-1` mean the last."""
        versions = self.versions(subject)
        number = _version_number(version, last=versions[-1].version)
        for one in versions:
            if one.version == number:
                return one
        raise RegistryError(_VERSION_NOT_FOUND, f"Version {number} not found.")

    def with_id(self, schema_id: int) -> SubjectVersion:
        """Return the schema of this id under its first subject."""
        places = self.places(schema_id)
        return places[0]

    def places(self, schema_id: int) -> tuple[SubjectVersion, ...]:
        """Return under which subjects and versions this id is known, at least one."""
        found = tuple(one for versions in self._subjects.values() for one in versions if one.id == schema_id)
        if not found:
            raise RegistryError(_SCHEMA_NOT_FOUND, f"Schema {schema_id} not found")
        return found

    def lookup(self, subject: str, schema: str) -> SubjectVersion:
        """Return the version of the subject that is this schema, but for docs and formatting."""
        versions = self.versions(subject)
        wanted = schema_id_of(_parsed(schema))
        for one in reversed(versions):
            if schema_id_of(_parsed(one.schema)) == wanted:
                return one
        raise RegistryError(_SCHEMA_NOT_FOUND, "Schema not found")

    def registered(self, subject: str, schema: str) -> SubjectVersion:
        """Return what is registered already, as the registry does for a schema that it has; nothing new is taken."""
        try:
            return self.lookup(subject, schema)
        except RegistryError as error:
            if error.code == _INVALID_SCHEMA:
                raise
            raise RegistryError(_READ_ONLY, f"Subject {subject} is in read-only mode") from error

    def breaks(self, subject: str, version: str, schema: str) -> tuple[str, ...]:
        """Return what a reader with this schema could not read of that version, a sentence each; empty: compatible."""
        return self._breaks(self.version(subject, version), _parsed(schema))

    def breaks_any(self, subject: str, schema: str) -> tuple[str, ...]:
        """Return the same for the last version: BACKWARD asks for no more."""
        return self.breaks(subject, "latest", schema)

    def compatibility(self, subject: str, *, default: bool) -> str:
        """Return the subject's level. An unknown subject has the default one, where that is asked for."""
        if subject not in self._subjects and not default:
            told = f"Subject '{subject}' does not have subject-level compatibility configured"
            raise RegistryError(_NO_SUBJECT_CONFIG, told)
        return COMPATIBILITY

    def _breaks(self, old: SubjectVersion, new: dict[str, Any]) -> tuple[str, ...]:
        return breaking_changes(_short_names(_parsed(old.schema)), _short_names(new))


def _version_number(text: str, *, last: int) -> int:
    if text in {"latest", "-1"}:
        return last
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:11]) <= _MAX_VERSION):
        raise RegistryError(
            _INVALID_VERSION,
            f"The specified version '{text[:40]}' is not a valid version id. Allowed values are between "
            f'[1, 2^31-1] and the string "latest"',
        )
    return int(text)


def _text(registered: RegisteredSchema) -> str:
    return json.dumps(registered.schema, separators=(",", ":"), ensure_ascii=False)


def _parsed(text: str) -> dict[str, Any]:
    """Return a schema that somebody sent, checked, with full names. Only records are written to topics."""
    try:
        schema = parse_schema(json.loads(text))
        record = isinstance(schema, dict) and schema["type"] == "record"
    except (SchemaParseException, UnknownType, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RegistryError(_INVALID_SCHEMA, f"Invalid schema: {error!r:.500}") from error
    except RecursionError as error:
        raise RegistryError(_INVALID_SCHEMA, "Invalid schema: nested too deeply") from error
    if not record:
        raise RegistryError(_INVALID_SCHEMA, "Invalid schema: not a record")
    assert isinstance(schema, dict)
    return schema


def _short_names(schema: Any) -> Any:
    """Return the schema with names that have no namespace, as the compatibility rules compare them."""
    if isinstance(schema, list):
        return [_short_names(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    shown = {key: _short_names(value) if key in _NESTED else value for key, value in schema.items()}
    kind = shown.get("type")
    if isinstance(kind, str) and kind in _NAMED:
        shown["name"] = shown["name"].rsplit(".", 1)[-1]
    return shown


_NESTED: Final = frozenset({"type", "fields", "items", "values"})
_NAMED: Final = frozenset({"record", "enum", "fixed", "error"})
