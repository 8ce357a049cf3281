from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.errors import InvalidEventError, UnavailableError, UnknownSchemaError
from schemas.events import Evidence, Report
from schemas.registry import (
    AVRO_DIRECTORY,
    RegisteredSchema,
    SchemaRegistry,
    builtin_registry,
    load_registry,
    schema_id_of,
)
from schemas.registry_reading import read_event, read_event_as
from schemas.topics import CATALOGUE
from tests.fakes.full_events import evidence

OURS = builtin_registry().current["evidence"]
OUTSIDE_ID = 7


@dataclass
class Source:
    """A registry that has one schema, or is away."""

    has: RegisteredSchema
    away: bool = False
    asked: list[int] = field(default_factory=list)
    learned: dict[int, RegisteredSchema] = field(default_factory=dict)

    def known(self, schema_id: int) -> RegisteredSchema | None:
        return self.learned.get(schema_id)

    async def learn(self, schema_id: int) -> None:
        self.asked.append(schema_id)
        if self.away:
            raise UnavailableError("away")
        if schema_id != self.has.id:
            raise UnknownSchemaError(schema_id)
        self.learned[schema_id] = self.has


@pytest.fixture
def source() -> Source:
    return Source(replace(OURS, id=OUTSIDE_ID))


@pytest.fixture
def registry(source: Source) -> SchemaRegistry:
    return replace(builtin_registry(), source=source)


def _from_outside(event: Evidence) -> bytes:
    outside = replace(OURS, id=OUTSIDE_ID)
    return encode(event, SchemaRegistry({OUTSIDE_ID: outside}, {"evidence": outside}))


async def test_a_known_id_asks_nobody(registry: SchemaRegistry, source: Source) -> None:
    found = evidence("acme")

    assert await read_event("evidence", encode(found), registry) == found
    assert await read_event("evidence", encode(found)) == found
    assert source.asked == []


async def test_an_unknown_id_is_learned_and_known_from_then_on(
    registry: SchemaRegistry, source: Source
) -> None:
    found = evidence("acme")

    with pytest.raises(UnknownSchemaError):
        decode("evidence", _from_outside(found), registry)
    assert await read_event_as(Evidence, _from_outside(found), registry) == found
    assert decode("evidence", _from_outside(found), registry) == found
    assert source.asked == [OUTSIDE_ID]
    assert registry.with_id(OUTSIDE_ID).topic == "evidence"


async def test_an_unknown_id_of_the_wrong_topic_stays_wrong(registry: SchemaRegistry) -> None:
    with pytest.raises(InvalidEventError) as refused:
        await read_event_as(Report, _from_outside(evidence("acme")), registry)
    assert refused.value.reason == "wrong_topic"


async def test_a_registry_that_is_away_is_no_fault_of_the_message(
    registry: SchemaRegistry, source: Source
) -> None:
    source.away = True
    with pytest.raises(UnavailableError):
        await read_event("evidence", _from_outside(evidence("acme")), registry)

    source.away = False
    assert await read_event("evidence", _from_outside(evidence("acme")), registry) == evidence("acme")


async def test_without_a_registry_an_unknown_id_is_unknown() -> None:
    with pytest.raises(UnknownSchemaError) as refused:
        await read_event("evidence", _from_outside(evidence("acme")))
    assert refused.value.schema_id == OUTSIDE_ID


@pytest.mark.parametrize("data", [None, b"", b"\1", b"\0\0\0\0\7", b"x" * 20])
async def test_what_has_no_id_asks_nobody(
    data: bytes | None, registry: SchemaRegistry, source: Source
) -> None:
    with pytest.raises(InvalidEventError):
        await read_event("evidence", data, registry)
    assert source.asked == []


@given(data=st.binary(max_size=64))
async def test_garbage_is_refused_and_nothing_else(data: bytes) -> None:
    source = Source(replace(OURS, id=OUTSIDE_ID))
    with pytest.raises(InvalidEventError):
        await read_event("evidence", data, replace(builtin_registry(), source=source))
    assert len(source.asked) <= 1


def test_record_names_tell_topics_apart() -> None:
    names = [one.schema["name"] for one in builtin_registry().current.values()]
    assert len(set(names)) == len(names) == len(CATALOGUE)


def _release(folder: Path, version: str) -> int:
    """A release whose evidence has a field named after it; returns the schema's id."""
    place = folder / "released" / version
    place.mkdir(parents=True)
    added = {"name": f"in_{'_'.join(version.split('.'))}", "type": "string", "default": ""}
    schema = {**OURS.schema, "fields": [*OURS.schema["fields"], added]}
    (place / "evidence.avsc").write_text(json.dumps(schema))
    return schema_id_of(schema)


@pytest.mark.parametrize("versions", [["0.9", "1.9", "1.9.1", "1.10rc1", "1.10rc2", "1.10", "1.11", "2.0"]])
def test_releases_are_in_the_order_of_their_numbers(versions: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "avro"
    shutil.copytree(AVRO_DIRECTORY, folder, ignore=shutil.ignore_patterns("released"))
    ids = {version: _release(folder, version) for version in sorted(versions, key=lambda one: one[::-1])}

    registry = load_registry(folder)

    known = [one.id for one in registry.by_id.values() if one.topic == "evidence"]
    assert known == [*(ids[version] for version in versions), OURS.id]
    assert registry.current["evidence"].id == OURS.id


def test_a_release_of_a_topic_that_is_gone_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "avro"
    shutil.copytree(AVRO_DIRECTORY, folder)
    shutil.copy(folder / "evidence.avsc", folder / "released" / "0.1.0" / "gone.avsc")

    assert {one.topic for one in load_registry(folder).by_id.values()} == set(CATALOGUE)
