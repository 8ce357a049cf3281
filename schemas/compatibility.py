"""BACKWARD compatibility: can a reader with the new schema read what was written with the old one?

The rules are those of the Avro specification's schema resolution, as Confluent's registry applies them for
BACKWARD: fields may be added with a default, fields may be removed, types may be promoted, enum symbols may be
added but not removed, names may not change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.avro_derivation import AvroSchema

__all__ = ["breaking_changes"]

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}

_Named = dict[str, AvroSchema]


def breaking_changes(old: AvroSchema, new: AvroSchema) -> tuple[str, ...]:
    """Return what a reader with `new` cannot read of `old`, a sentence each; empty when compatible."""
    return tuple(_Comparison(_names(old), _names(new)).compare(old, new, "event"))


@dataclass(frozen=True, slots=True)
class _Comparison:
    old_names: _Named
    new_names: _Named
    seen: set[str] = field(default_factory=set)

    def compare(self, old: Any, new: Any, path: str) -> Iterator[str]:
        old, new = _resolve(old, self.old_names), _resolve(new, self.new_names)
        if isinstance(old, list):
            for member in old:
                yield from self.compare(member, new, path)
        elif isinstance(new, list):
            yield from self._against_union(old, new, path)
        elif _kind(old) != _kind(new):
            if _kind(new) not in _PROMOTIONS.get(_kind(old), set()):
                yield f"{path}: {_kind(old)} became {_kind(new)}"
        else:
            yield from self._same_kind(old, new, path)

    def _same_kind(self, old: Any, new: Any, path: str) -> Iterator[str]:
        match _kind(old):
            case "record":
                yield from self._records(old, new, path)
            case "enum":
                yield from _enums(old, new, path)
            case "array":
                yield from self.compare(old["items"], new["items"], f"{path}[]")
            case "map":
                yield from self.compare(old["values"], new["values"], f"{path}{{}}")
            case _:
                if _logical(old) != _logical(new):
                    yield f"{path}: logical type {_logical(old)} became {_logical(new)}"

    def _against_union(self, old: Any, new: list[Any], path: str) -> Iterator[str]:
        branches = [_Comparison(self.old_names, self.new_names, set(self.seen)) for _ in new]
        if all(any(branch.compare(old, member, path)) for branch, member in zip(branches, new, strict=True)):
            kinds = ", ".join(_kind(_resolve(member, self.new_names)) for member in new)
            yield f"{path}: {_kind(old)} is no longer among {kinds}"

    def _records(self, old: AvroSchema, new: AvroSchema, path: str) -> Iterator[str]:
        if old["name"] != new["name"]:
            yield f"{path}: record {old['name']} became {new['name']}"
            return
        if new["name"] in self.seen:
            return
        self.seen.add(new["name"])
        before = {one["name"]: one for one in old["fields"]}
        for added in new["fields"]:
            where = f"{path}.{added['name']}"
            if added["name"] in before:
                yield from self.compare(before[added["name"]]["type"], added["type"], where)
            elif "default" not in added:
                yield f"{where}: added without a default"


def _enums(old: AvroSchema, new: AvroSchema, path: str) -> Iterator[str]:
    if old["name"] != new["name"]:
        yield f"{path}: enum {old['name']} became {new['name']}"
    missing = [symbol for symbol in old["symbols"] if symbol not in new["symbols"]]
    if missing and "default" not in new:
        yield f"{path}: enum symbols removed: {', '.join(missing)}"


def _kind(schema: Any) -> str:
    return str(schema["type"]) if isinstance(schema, dict) else str(schema)


def _logical(schema: Any) -> str | None:
    return schema.get("logicalType") if isinstance(schema, dict) else None


def _resolve(schema: Any, names: _Named) -> Any:
    if isinstance(schema, str):
        return names.get(schema.rsplit(".", 1)[-1], schema)
    if isinstance(schema, dict) and isinstance(schema["type"], dict | list):
        return _resolve(schema["type"], names)
    return schema


def _names(schema: Any) -> _Named:
    found: _Named = {}
    _collect(schema, found)
    return found


def _collect(schema: Any, found: _Named) -> None:
    if isinstance(schema, list):
        for member in schema:
            _collect(member, found)
    elif isinstance(schema, dict):
        if schema.get("type") in ("record", "enum"):
            found[schema["name"]] = schema
        children = [field["type"] for field in schema.get("fields", ())]
        children += [schema[key] for key in ("items", "values") if key in schema]
        for child in children:
            _collect(child, found)
