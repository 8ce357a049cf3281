"""How each kind of field is said in Avro, shown on small models."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import fastavro
import pytest
from pydantic import BaseModel, ConfigDict, Field

from schemas.avro_derivation import NAMESPACE, derive
from schemas.topics import CATALOGUE


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark_blue"


class Point(BaseModel):
    x: float
    y: float = 0.5


class Thing(BaseModel):
    """Something
    with a name."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    """What people
    call it."""
    count: int = 3
    share: float = 0.5
    sure: bool = False
    raw: bytes
    at: datetime
    colour: Colour = Colour.RED
    colours: tuple[Colour, ...] = (Colour.RED,)
    labels: dict[str, str] = {}
    bounded: Annotated[int, Field(ge=0)] = 0
    maybe: str | None = None
    maybe_bounded: Annotated[float, Field(ge=0)] | None = None
    where: Point = Point(x=1.0)
    path: tuple[Point, ...] = ()


FIELDS: dict[str, dict[str, Any]] = {one["name"]: one for one in derive(Thing)["fields"]}
NAMED = {"namespace": NAMESPACE}


def test_a_record_has_the_models_name_and_words() -> None:
    schema = derive(Thing)
    assert {key: schema[key] for key in ("type", "name", "namespace", "doc")} == {
        "type": "record",
        "name": "Thing",
        "namespace": "io.tocsin",
        "doc": "Something with a name.",
    }
    assert "doc" not in derive(Point)


def test_fields_keep_their_order() -> None:
    assert list(FIELDS) == list(Thing.model_fields)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("name", "string"),
        ("count", "long"),
        ("share", "double"),
        ("sure", "boolean"),
        ("raw", "bytes"),
        ("at", {"type": "long", "logicalType": "timestamp-micros"}),
        ("colour", {"type": "enum", "name": "Colour", "symbols": ["red", "dark_blue"], **NAMED}),
        ("colours", {"type": "array", "items": "io.tocsin.Colour"}),
        ("labels", {"type": "map", "values": "string"}),
        ("bounded", "long"),
        ("maybe", ["null", "string"]),
        ("maybe_bounded", ["null", "double"]),
        ("path", {"type": "array", "items": "io.tocsin.Point"}),
    ],
)
def test_each_kind_of_field_has_its_type(name: str, kind: object) -> None:
    assert FIELDS[name]["type"] == kind


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("count", 3),
        ("share", 0.5),
        ("sure", False),
        ("colour", "red"),
        ("colours", ["red"]),
        ("labels", {}),
        ("bounded", 0),
        ("maybe", None),
        ("maybe_bounded", None),
        ("where", {"x": 1.0, "y": 0.5}),
        ("path", []),
    ],
)
def test_a_default_becomes_avros(name: str, default: object) -> None:
    assert FIELDS[name]["default"] == default


@pytest.mark.parametrize("name", ["name", "raw", "at"])
def test_what_must_be_said_has_no_default(name: str) -> None:
    assert "default" not in FIELDS[name]


def test_words_of_a_field_are_one_line_and_others_have_none() -> None:
    assert FIELDS["name"]["doc"] == "What people call it."
    assert "doc" not in FIELDS["count"]


def test_a_record_is_defined_where_it_comes_first() -> None:
    where = FIELDS["where"]["type"]
    assert (where["name"], [one["name"] for one in where["fields"]]) == ("Point", ["x", "y"])


def test_fastavro_takes_it_and_reads_back_what_it_wrote() -> None:
    fastavro.parse_schema(derive(Thing))


class Choice(BaseModel):
    either: int | str


class Three(BaseModel):
    either: int | str | None


class Odd(BaseModel):
    when: complex


class Loose(BaseModel):
    what: Any


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Choice, "only unions with None are used"),
        (Three, "only unions with None are used"),
        (Odd, "Avro cannot say <class 'complex'>"),
        (Loose, "Avro cannot say typing.Any"),
    ],
)
def test_what_avro_cannot_say_is_refused(model: type[BaseModel], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        derive(model)


@pytest.mark.parametrize("topic", sorted(CATALOGUE))
def test_deriving_twice_gives_the_same(topic: str) -> None:
    event = CATALOGUE[topic].event
    assert derive(event) == derive(event)
    assert derive(event)["name"] == event.__name__


@pytest.mark.parametrize("topic", sorted(CATALOGUE))
def test_whoever_uses_our_topics_finds_words_on_the_event(topic: str) -> None:
    assert derive(CATALOGUE[topic].event)["doc"]
