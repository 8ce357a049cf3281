"""The compatibility check against the judge that counts: fastavro reading old bytes with the new schema."""

from __future__ import annotations

import copy
import io
from typing import Any

import fastavro
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.compatibility import breaking_changes

Schema = dict[str, Any]

PRIMITIVES = ("int", "long", "float", "double", "string", "bytes", "boolean")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "string": st.text(max_size=5),
    "bytes": st.binary(max_size=5).filter(lambda data: data.decode("utf-8", "ignore").encode() == data),
    "boolean": st.booleans(),
}
DEFAULTS = {
    "int": 0,
    "long": 0,
    "float": 0.0,
    "double": 0.0,
    "string": "",
    "bytes": "",
    "boolean": False,
}
SYMBOLS = ("A", "B", "C", "D")

primitives = st.sampled_from(PRIMITIVES)
optionals = primitives.map(lambda kind: ["null", kind])
arrays = primitives.map(lambda kind: {"type": "array", "items": kind})
maps = primitives.map(lambda kind: {"type": "map", "values": kind})
enums = st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True).map(
    lambda symbols: {"type": "enum", "name": "E", "symbols": symbols}
)
kinds = primitives | optionals | arrays | maps


def record(fields: list[Schema]) -> Schema:
    return {"type": "record", "name": "R", "fields": fields}


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """A record of a few fields; some have a default."""
    fields: list[Schema] = []
    for name in draw(st.lists(st.sampled_from("abcd"), min_size=1, unique=True)):
        kind = draw(kinds)
        one: Schema = {"name": name, "type": kind}
        if isinstance(kind, str) and draw(st.booleans()):
            one["default"] = DEFAULTS[kind]
        fields.append(one)
    if draw(st.booleans()):
        fields.append({"name": "e", "type": draw(enums)})
    return record(fields)


@st.composite
def edited(draw: st.DrawFn, old: Schema) -> Schema:
    """The schema after an edit of each field: kept, dropped, made optional, or given any other type."""
    fields: list[Schema] = []
    for one in old["fields"]:
        match draw(st.sampled_from(["keep", "keep", "drop", "optional", "retype"])):
            case "drop":
                continue
            case "optional" if isinstance(one["type"], str):
                fields.append({"name": one["name"], "type": ["null", one["type"]]})
            case "retype" if isinstance(one["type"], str):
                fields.append({"name": one["name"], "type": draw(primitives)})
            case _:
                fields.append(one)
    if draw(st.booleans()):
        fields.append({"name": "z", "type": "string", "default": "new"})
    return record(fields)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, str):
        return VALUES[kind]
    if isinstance(kind, list):
        return st.one_of(*map(values_of, kind))
    match kind["type"]:
        case "array":
            return st.lists(values_of(kind["items"]), min_size=1, max_size=2)
        case "map":
            return st.dictionaries(st.just("k"), values_of(kind["values"]), min_size=1, max_size=1)
        case "enum":
            return st.sampled_from(kind["symbols"])
        case _:
            return st.fixed_dictionaries({one["name"]: values_of(one["type"]) for one in kind["fields"]})


def read_with(old: Schema, new: Schema, value: object) -> object:
    writer, reader = fastavro.parse_schema(copy.deepcopy(old)), fastavro.parse_schema(copy.deepcopy(new))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, writer, value)
    buffer.seek(0)
    return fastavro.schemaless_reader(buffer, writer, reader)


@given(schemas(), st.data())
@settings(max_examples=100)
def test_what_is_called_compatible_can_be_read(old: Schema, data: st.DataObject) -> None:
    new = data.draw(edited(old))
    assume(not breaking_changes(old, new))
    read = read_with(old, new, data.draw(values_of(old)))
    assert isinstance(read, dict)
    assert set(read) == {one["name"] for one in new["fields"]}


@given(kinds, kinds, st.data())
@settings(max_examples=100)
def test_what_is_called_broken_cannot_be_read(before: Any, after: Any, data: st.DataObject) -> None:
    """A change of one field's type: at least its own values are refused, or come back as something else."""
    old, new = record([{"name": "a", "type": before}]), record([{"name": "a", "type": after}])
    told = breaking_changes(old, new)
    assume(told and not isinstance(before, list))
    with pytest.raises(Exception, match=r".*"):  # fastavro raises what each reader stumbles over
        read_with(old, new, {"a": data.draw(values_of(before))})


@given(schemas())
def test_a_schema_is_compatible_with_itself(schema: Schema) -> None:
    assert breaking_changes(schema, copy.deepcopy(schema)) == ()


@given(schemas(), st.data())
def test_a_field_may_go(schema: Schema, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from([one["name"] for one in schema["fields"]]))
    assert breaking_changes(schema, record([one for one in schema["fields"] if one["name"] != gone])) == ()


@given(schemas(), kinds, st.booleans())
def test_a_field_may_come_only_with_a_default(schema: Schema, kind: Any, has_default: bool) -> None:
    added: Schema = {"name": "z", "type": kind}
    if has_default:
        added["default"] = None
    told = breaking_changes(schema, record([*schema["fields"], added]))
    assert told == (() if has_default else ("event.z: added without a default",))


@given(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True), st.data())
def test_symbols_may_come_but_not_go(symbols: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True))
    old, new = ({"type": "enum", "name": "E", "symbols": one} for one in (symbols, kept))
    gone = [one for one in symbols if one not in kept]
    told = breaking_changes(old, new)
    assert told == ((f"event: enum symbols removed: {', '.join(gone)}",) if gone else ())
    assert breaking_changes(old, {**new, "default": kept[0]}) == ()


PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


@pytest.mark.parametrize("before", PRIMITIVES)
@pytest.mark.parametrize("after", PRIMITIVES)
def test_types_may_be_promoted_as_avro_says(before: str, after: str) -> None:
    fits = after == before or after in PROMOTIONS.get(before, set())
    assert (breaking_changes({"type": before}, {"type": after}) == ()) == fits
    assert breaking_changes({"type": before}, [before, after]) == (), "itself is still among them"  # type: ignore[arg-type]  # a union is a schema too


def test_records_that_hold_themselves_are_compared_once() -> None:
    tree = record([{"name": "next", "type": ["null", "R"], "default": None}])
    assert breaking_changes(tree, copy.deepcopy(tree)) == ()


def test_a_change_deep_inside_is_told_with_its_path() -> None:
    inner = {"type": "record", "name": "I", "fields": [{"name": "v", "type": "string"}]}
    old = record([{"name": "list", "type": {"type": "array", "items": {"type": "map", "values": inner}}}])
    new = copy.deepcopy(old)
    new["fields"][0]["type"]["items"]["values"]["fields"][0]["type"] = "boolean"
    assert breaking_changes(old, new) == ("event.list[]{}.v: string became boolean",)


def test_an_enum_with_another_name_is_another_enum() -> None:
    old, new = ({"type": "enum", "name": name, "symbols": ["A"]} for name in ("E", "F"))
    assert breaking_changes(old, new) == ("event: enum E became F",)


def test_every_member_of_an_old_union_must_still_be_readable() -> None:
    old = record([{"name": "a", "type": ["null", "string"]}])
    new = record([{"name": "a", "type": "string"}])
    assert breaking_changes(old, new) == ("event.a: null became string",)
    assert breaking_changes(new, old) == ()
