from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from api.registry import RegistryError, SubjectRegistry
from schemas.registry import RegisteredSchema, SchemaRegistry, builtin_registry, schema_id_of
from schemas.topics import CATALOGUE, TopicNames

EVIDENCE = builtin_registry().current["evidence"]


def _changed(**changes: Any) -> str:
    return json.dumps({**copy.deepcopy(EVIDENCE.schema), **changes})


def _with_field(**field: Any) -> str:
    return _changed(fields=[*EVIDENCE.schema["fields"], field])


@pytest.fixture
def registry() -> SubjectRegistry:
    return SubjectRegistry(builtin_registry())


def _refusal(error: pytest.ExceptionInfo[RegistryError]) -> tuple[int, int]:
    return error.value.status, error.value.code


def test_every_topic_has_a_subject(registry: SubjectRegistry) -> None:
    assert registry.subjects() == tuple(sorted(f"{topic}-value" for topic in CATALOGUE))
    assert registry.subjects("alarms") == ("alarms.changed-value", "alarms.raw-value")


def test_a_topic_prefix_is_part_of_the_subject() -> None:
    registry = SubjectRegistry(builtin_registry(), TopicNames("blue."))

    assert registry.version("blue.evidence-value", "latest").id == EVIDENCE.id
    with pytest.raises(RegistryError):
        registry.versions("evidence-value")


def test_versions_are_those_released_and_last_todays() -> None:
    old = json.loads(_changed(fields=EVIDENCE.schema["fields"][:-1]))
    past = RegisteredSchema(schema_id_of(old), "evidence", old, old)
    known = builtin_registry()
    registry = SubjectRegistry(SchemaRegistry({past.id: past, **known.by_id}, known.current))

    first, second = registry.versions("evidence-value")

    assert (first.version, first.id, json.loads(first.schema)) == (1, past.id, old)
    assert (second.version, second.id) == (2, EVIDENCE.id)
    assert registry.version("evidence-value", "latest") == registry.version("evidence-value", "-1") == second
    assert registry.version("evidence-value", "1") == first
    assert registry.places(past.id) == (first,)
    assert registry.lookup("evidence-value", json.dumps(old)) == first


@pytest.mark.parametrize("version", ["0", "-2", "x", "", "1.0", "²", "2147483648", "9" * 30])
def test_a_version_that_is_none_is_refused(version: str, registry: SubjectRegistry) -> None:
    with pytest.raises(RegistryError) as refused:
        registry.version("evidence-value", version)
    assert _refusal(refused) == (422, 42202)


def test_what_is_not_there_is_told_by_its_code(registry: SubjectRegistry) -> None:
    with pytest.raises(RegistryError) as no_subject:
        registry.versions("x")
    with pytest.raises(RegistryError) as no_version:
        registry.version("evidence-value", "99")
    with pytest.raises(RegistryError) as no_schema:
        registry.with_id(7)
    with pytest.raises(RegistryError) as no_match:
        registry.lookup("reports-value", json.dumps(EVIDENCE.schema))

    assert [_refusal(one) for one in (no_subject, no_version, no_schema, no_match)] == [
        (404, 40401),
        (404, 40402),
        (404, 40403),
        (404, 40403),
    ]


def test_docs_and_formatting_do_not_matter_in_a_look_up(registry: SubjectRegistry) -> None:
    pretty = json.dumps(json.loads(_changed(doc="other words")), indent=4)

    assert registry.lookup("evidence-value", pretty).id == EVIDENCE.id
    assert registry.registered("evidence-value", pretty).id == EVIDENCE.id


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "{",
        "{}",
        "[]",
        "7",
        '"string"',
        '{"type": "record"}',
        '{"type": "record", "name": "A", "fields": [{}]}',
        '{"type": "record", "name": "A", "fields": [{"name": "b", "type": "nothing"}]}',
        '{"type": "record", "name": "A", "fields": 7}',
        '{"type": "enum", "name": "A", "symbols": ["B"]}',
        '{"type": "array", "items": ' * 3_000 + '"long"' + "}" * 3_000,
    ],
)
def test_what_is_no_schema_is_refused(schema: str, registry: SubjectRegistry) -> None:
    for ask in (registry.lookup, registry.registered, registry.breaks_any):
        with pytest.raises(RegistryError) as refused:
            ask("evidence-value", schema)
        assert _refusal(refused) == (422, 42201)


def test_a_new_schema_is_not_taken(registry: SubjectRegistry) -> None:
    for subject in ("evidence-value", "mine-value"):
        with pytest.raises(RegistryError) as refused:
            registry.registered(subject, _with_field(name="more", type="string", default=""))
        assert _refusal(refused) == (422, 42205)


def test_compatibility_is_backward(registry: SubjectRegistry) -> None:
    fewer = _changed(fields=EVIDENCE.schema["fields"][:-1])
    retyped = _changed(fields=[{"name": "event_id", "type": "int"}, *EVIDENCE.schema["fields"][1:]])

    assert registry.breaks("evidence-value", "1", json.dumps(EVIDENCE.schema)) == ()
    assert registry.breaks("evidence-value", "latest", fewer) == ()
    assert registry.breaks_any("evidence-value", _with_field(name="more", type="string", default="")) == ()
    assert registry.breaks_any("evidence-value", _with_field(name="more", type="string")) == (
        "event.more: added without a default",
    )
    assert registry.breaks_any("evidence-value", retyped) == ("event.event_id: string became int",)
    assert registry.breaks_any("evidence-value", _changed(name="Other")) != ()


def test_a_name_may_be_written_with_its_namespace(registry: SubjectRegistry) -> None:
    full = json.loads(_changed(name="io.tocsin.Evidence"))
    del full["namespace"]

    assert registry.breaks_any("evidence-value", json.dumps(full)) == ()


@pytest.mark.parametrize("topic", sorted(CATALOGUE))
def test_each_schema_is_compatible_with_itself(topic: str, registry: SubjectRegistry) -> None:
    own = registry.version(f"{topic}-value", "latest")

    assert registry.breaks_any(own.subject, own.schema) == ()
    assert registry.with_id(own.id) == own


def test_an_unknown_subject_has_no_level_of_its_own(registry: SubjectRegistry) -> None:
    assert registry.compatibility("evidence-value", default=False) == "BACKWARD"
    assert registry.compatibility("mine-value", default=True) == "BACKWARD"
    with pytest.raises(RegistryError) as refused:
        registry.compatibility("mine-value", default=False)
    assert _refusal(refused) == (404, 40408)


def _outside(number: int, **changes: Any) -> RegisteredSchema:
    schema = {**copy.deepcopy(EVIDENCE.schema), **changes}
    return RegisteredSchema(1_000 + number, "evidence", schema, schema, number)


def test_ids_and_versions_are_those_of_a_registry_outside_where_there_is_one() -> None:
    """Version 3 was deleted there; a newer Tocsin has written 5."""
    newer = {"name": "more", "type": "string", "default": ""}
    past, now = _outside(2, fields=EVIDENCE.schema["fields"][:-1]), _outside(4)
    next_one = _outside(5, fields=[*EVIDENCE.schema["fields"], newer])
    known = builtin_registry()
    by_id = {**known.by_id, **{one.id: one for one in (now, next_one, past)}}
    registry = SubjectRegistry(SchemaRegistry(by_id, {**known.current, "evidence": now}))

    assert [one.version for one in registry.versions("evidence-value")] == [2, 4, 5]
    assert registry.version("evidence-value", "latest").id == next_one.id
    assert registry.version("evidence-value", "2").id == past.id
    assert registry.lookup("evidence-value", json.dumps(EVIDENCE.schema)).id == now.id
    assert registry.with_id(now.id).version == 4
    for missing in ("1", "3", "6"):
        with pytest.raises(RegistryError) as refused:
            registry.version("evidence-value", missing)
        assert _refusal(refused) == (404, 40402)
