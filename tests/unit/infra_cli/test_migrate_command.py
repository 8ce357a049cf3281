from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.runtime.sql import load_sql_migrations
from schemas.errors import InvalidRequestError

NUMBERS = [one.number for one in load_sql_migrations()]


def _sql(folder: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(
        app,
        ["migrate", "--store", "sql", "--data", str(folder), "--json", *arguments],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def _states(answer: Any) -> list[str]:
    return [one["state"] for one in answer["migrations"]]


def test_the_control_database_goes_up_and_down_and_only_shows_itself_on_wish(tmp_path: Path) -> None:
    assert _states(_sql(tmp_path, "--status")) == ["pending"] * len(NUMBERS)
    up = _sql(tmp_path)
    assert up["ran"] == [{"store": "sql", "number": number} for number in NUMBERS]
    assert _states(up) == ["applied"] * len(NUMBERS)
    assert _sql(tmp_path)["ran"] == []
    down = _sql(tmp_path, "--down", "0", "--yes")
    assert [one["number"] for one in down["ran"]] == NUMBERS[::-1]
    assert _states(down) == ["pending"] * len(NUMBERS)


def test_a_person_sees_a_table(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["migrate", "--store", "sql", "--data", str(tmp_path)])
    assert "control" in done.stdout
    assert f"ran {len(NUMBERS)}" in done.stdout


def test_data_is_not_destroyed_unasked(tmp_path: Path) -> None:
    _sql(tmp_path)
    down = ["migrate", "--store", "sql", "--down", "0", "--data", str(tmp_path)]
    assert CliRunner().invoke(app, down, input="n\n").exit_code != 0
    assert _states(_sql(tmp_path, "--status")) == ["applied"] * len(NUMBERS)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--down", "0"], "--down needs --store"), (["--down", "0", "--status"], "contradict each other")],
)
def test_what_is_not_clear_is_not_done(arguments: list[str], why: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["migrate", *arguments, "--data", str(tmp_path)])
    assert isinstance(done.exception, InvalidRequestError)
    assert why in str(done.exception)
