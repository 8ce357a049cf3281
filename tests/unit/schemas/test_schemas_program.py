"""`python -m schemas`: what it writes, what it finds, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas import __main__ as program
from schemas.topics import CATALOGUE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(program, "AVRO_DIRECTORY", tmp_path / "avro")
    return tmp_path / "avro"


def test_write_writes_a_file_per_topic_and_check_finds_nothing(folder: Path) -> None:
    assert program._main(["write"]) == 0
    assert sorted(path.stem for path in folder.glob("*.avsc")) == sorted(CATALOGUE)
    assert program._main(["check"]) == 0


def test_writing_again_changes_nothing(folder: Path) -> None:
    program._main(["write"])
    before = {path: path.read_bytes() for path in folder.glob("*.avsc")}
    program._main(["write"])
    assert {path: path.read_bytes() for path in folder.glob("*.avsc")} == before


def test_a_release_is_kept_beside_the_current_files(folder: Path) -> None:
    program._main(["write"])
    assert program._main(["release", "9.9.9"]) == 0
    kept = folder / "released" / "9.9.9"
    assert sorted(path.stem for path in kept.glob("*.avsc")) == sorted(CATALOGUE)
    assert (kept / "costs.avsc").read_text() == (folder / "costs.avsc").read_text()
    assert program._main(["check"]) == 0


def test_a_missing_file_is_a_drift(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program._main(["write"])
    (folder / "audit.avsc").unlink()
    assert program._main(["check"]) == 1
    assert capsys.readouterr().err == "audit.avsc differs from Audit: run `make schemas`\n"


def test_every_problem_is_told_on_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program._main(["write"])
    (folder / "audit.avsc").write_text("{}")
    program._main(["release", "1.0.0"])
    for name in ("costs", "evidence"):
        path = folder / "released" / "1.0.0" / f"{name}.avsc"
        schema = json.loads(path.read_text())
        schema["fields"] = [one for one in schema["fields"] if one["name"] != "step"]
        path.write_text(json.dumps(schema))
    assert program._main(["check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "evidence against 1.0.0: event.step: added without a default",
        "costs against 1.0.0: event.step: added without a default",
        "audit.avsc differs from Audit: run `make schemas`",
    ]


@pytest.mark.parametrize("arguments", [[], ["help"], ["release"], ["write", "here"]])
def test_anything_else_shows_how_to_use_it(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program._main(arguments) == 2
    assert "python -m schemas write" in capsys.readouterr().err
    assert not folder.exists()
