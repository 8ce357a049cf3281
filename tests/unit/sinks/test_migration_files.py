from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from sinks.clickhouse.migrate import load_migrations


def _write(folder: Path, name: str, up: str, down: str = "DROP TABLE a;\n") -> None:
    (folder / f"{name}.up.sql").write_text(up)
    (folder / f"{name}.down.sql").write_text(down)


def test_statements_end_with_a_semicolon_at_the_end_of_a_line(tmp_path: Path) -> None:
    _write(tmp_path, "0001_first", "CREATE TABLE a (b String COMMENT 'x; y');\n\nSELECT 1;  \nSELECT 2")

    (migration,) = load_migrations(tmp_path)

    assert migration.up == ("CREATE TABLE a (b String COMMENT 'x; y')", "SELECT 1", "SELECT 2")
    assert migration.down == ("DROP TABLE a",)


def test_the_checksum_follows_the_text(tmp_path: Path) -> None:
    _write(tmp_path, "0001_first", "SELECT 1;\n")
    before = load_migrations(tmp_path)[0].checksum
    _write(tmp_path, "0001_first", "SELECT 1;\n", down="SELECT 3;\n")
    other_down = load_migrations(tmp_path)[0].checksum
    _write(tmp_path, "0001_first", "SELECT 2;\n")

    assert before == other_down
    assert load_migrations(tmp_path)[0].checksum != before


def test_migrations_come_in_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (3, 1, 2):
        _write(tmp_path, f"{number:04}_step", "SELECT 1;\n")

    assert [one.number for one in load_migrations(tmp_path)] == [1, 2, 3]


def test_two_of_one_number_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "0001_one", "SELECT 1;\n")
    _write(tmp_path, "0001_other", "SELECT 1;\n")

    with pytest.raises(ConfigurationError):
        load_migrations(tmp_path)


_SAFE_UP = (
    "CREATE TABLE IF NOT EXISTS",
    "CREATE OR REPLACE VIEW",
    "ALTER TABLE costs ADD PROJECTION IF NOT EXISTS",
    "ALTER TABLE costs MATERIALIZE PROJECTION",
    "ALTER TABLE costs MODIFY SETTING",
    "OPTIMIZE TABLE",
)


def test_the_shipped_migrations_may_be_run_again() -> None:
    for migration in load_migrations():
        for statement in migration.up:
            assert _code(statement).startswith(_SAFE_UP), statement
        for statement in migration.down:
            assert " IF EXISTS " in statement or " RESET SETTING " in statement


def test_what_goes_up_comes_down_in_the_opposite_order() -> None:
    for migration in load_migrations():
        made = [
            _object(statement, "IF NOT EXISTS") or _object(statement, "VIEW") for statement in migration.up
        ]
        dropped = [_object(statement, "IF EXISTS") for statement in migration.down]
        assert [name for name in dropped if name] == [name for name in reversed(made) if name]


def _code(statement: str) -> str:
    return " ".join(line for line in statement.splitlines() if not line.startswith("--")).strip()


def _object(statement: str, after: str) -> str:
    code = _code(statement)
    return code.partition(f"{after} ")[2].split()[0] if f"{after} " in code else ""
