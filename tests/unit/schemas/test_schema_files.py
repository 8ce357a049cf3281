from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from schemas.__main__ import problems, write
from schemas.avro_derivation import derive
from schemas.compatibility import breaking_changes
from schemas.events import AlarmRaw, InvestigationRequested
from schemas.registry import AVRO_DIRECTORY
from schemas.topics import CATALOGUE

Schema = dict[str, Any]


def test_files_and_models_agree_and_nothing_released_breaks() -> None:
    assert list(problems(AVRO_DIRECTORY)) == []


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_fastavro_accepts_every_schema(name: str) -> None:
    fastavro.parse_schema(json.loads((AVRO_DIRECTORY / f"{name}.avsc").read_text()))


def test_a_drift_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "alarms.raw.avsc"
    path.write_text(path.read_text().replace("fingerprint", "finger_print"))
    assert list(problems(tmp_path)) == ["alarms.raw.avsc differs from AlarmRaw: run `make schemas`"]


def test_a_breaking_edit_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    released = tmp_path / "released" / "0.0.1"
    write(released)
    old = json.loads((released / "alarms.raw.avsc").read_text())
    old["fields"] = [field for field in old["fields"] if field["name"] != "source"]
    (released / "alarms.raw.avsc").write_text(json.dumps(old))
    assert list(problems(tmp_path)) == ["alarms.raw against 0.0.1: event.source: added without a default"]


def test_nested_records_are_defined_once() -> None:
    text = json.dumps(derive(InvestigationRequested))
    assert text.count('"name": "Severity"') == 1
    assert '"io.tocsin.Severity"' in text


def test_docstrings_become_doc() -> None:
    fields = {field["name"]: field for field in derive(AlarmRaw)["fields"]}
    assert fields["fingerprint"]["doc"] == "What makes two messages the same alarm at its source."


def _edit(change: Callable[[Schema], None]) -> Schema:
    edited = copy.deepcopy(derive(AlarmRaw))
    change(edited)
    return edited


def _field(schema: Schema, name: str) -> Schema:
    found: Schema = next(field for field in schema["fields"] if field["name"] == name)
    return found


def _remove(name: str) -> Callable[[Schema], None]:
    def change(schema: Schema) -> None:
        schema["fields"] = [field for field in schema["fields"] if field["name"] != name]

    return change


def _retype(name: str, kind: object) -> Callable[[Schema], None]:
    return lambda schema: _field(schema, name).update(type=kind)


def _add(**field: object) -> Callable[[Schema], None]:
    return lambda schema: schema["fields"].append(field)


def _symbols(*symbols: str) -> Callable[[Schema], None]:
    return lambda schema: _field(schema, "status")["type"].update(symbols=list(symbols))


@pytest.mark.parametrize(
    "edit",
    [
        _remove("summary"),
        _add(name="team", type="string", default=""),
        _retype("name", "bytes"),
        _retype("name", ["null", "string"]),
        _symbols("firing", "cleared", "acknowledged"),
    ],
)
def test_what_a_new_reader_can_still_read(edit: Callable[[Schema], None]) -> None:
    assert breaking_changes(derive(AlarmRaw), _edit(edit)) == ()


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (_add(name="team", type="string"), "event.team: added without a default"),
        (_retype("name", "long"), "event.name: string became long"),
        (_retype("value", "double"), "event.value: null became double"),
        (_retype("value", ["null", "string"]), "event.value: double is no longer among null, string"),
        (_retype("started_at", "long"), "event.started_at: logical type timestamp-micros became None"),
        (_retype("labels", {"type": "map", "values": "long"}), "event.labels{}: string became long"),
        (_symbols("firing"), "event.status: enum symbols removed: cleared"),
        (lambda schema: schema.update(name="Alarm"), "event: record AlarmRaw became Alarm"),
    ],
)
def test_what_breaks_is_named(edit: Callable[[Schema], None], told: str) -> None:
    assert breaking_changes(derive(AlarmRaw), _edit(edit)) == (told,)


def test_what_compatibility_promises_fastavro_keeps() -> None:
    """A reader with an added field reads an old message, as the check says it can."""
    from io import BytesIO  # noqa: PLC0415 - only here

    from tests.fakes.events import alarm  # noqa: PLC0415 - only here

    old = fastavro.parse_schema(derive(AlarmRaw))
    new = fastavro.parse_schema(_edit(_add(name="team", type="string", default="none")))
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, old, alarm().model_dump())
    buffer.seek(0)
    read = fastavro.schemaless_reader(buffer, old, new)
    assert isinstance(read, dict)
    assert read["team"] == "none"
