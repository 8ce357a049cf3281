from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import main as command_line
from infra.cli.exit_codes import ExitCode, exit_code_of
from infra.cli.main import app
from infra.cli.tables import since
from schemas.errors import (
    ConfigurationError,
    IntegrityError,
    InvalidEventError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    TocsinError,
    UnavailableError,
    UnknownSchemaError,
)

RUNNER = CliRunner()


def _commands(group: typer.core.TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name)


_group = typer.main.get_command(app)
assert isinstance(_group, typer.core.TyperGroup)
COMMANDS = sorted(_commands(_group))


def _found(path: tuple[str, ...]) -> typer.core.TyperCommand:
    found: object = _group
    for name in path:
        assert isinstance(found, typer.core.TyperGroup)
        found = found.commands[name]
    assert isinstance(found, typer.core.TyperCommand)
    return found


def test_the_commands_are_there() -> None:
    assert {path[0] for path in COMMANDS} >= {
        "up",
        "down",
        "status",
        "doctor",
        "role",
        "send",
        "investigate",
        "incidents",
        "report",
        "evidence",
        "costs",
        "topics",
        "migrate",
        "dlq",
        "verify",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_a_help(path: tuple[str, ...]) -> None:
    command = _found(path)
    assert command.help
    assert command.help.rstrip().endswith(".")
    unexplained = [one.name for one in command.params if one.name != "help" and not getattr(one, "help", "")]
    assert unexplained == []
    shown = RUNNER.invoke(app, [*path, "--help"])
    assert shown.exit_code == ExitCode.OK
    assert "Usage" in shown.stdout


@pytest.mark.parametrize(
    "path", [one for one in COMMANDS if one[0] not in ("up", "down", "role")], ids=" ".join
)
def test_every_command_that_answers_can_answer_a_machine(path: tuple[str, ...]) -> None:
    assert "--json" in {name for one in _found(path).params for name in one.opts}


@pytest.mark.parametrize("group", ["", "send", "dlq"])
def test_a_group_without_a_command_shows_its_help(group: str) -> None:
    shown = RUNNER.invoke(app, [group] if group else [])
    assert shown.exit_code == ExitCode.USAGE
    assert "Usage" in shown.stdout + shown.stderr


ASKING = [
    ["status"],
    ["incidents"],
    ["report"],
    ["report", "inv_1"],
    ["evidence", "inv_1"],
    ["evidence", "--follow"],
    ["costs"],
    ["topics"],
    ["migrate"],
    ["verify"],
    ["dlq", "list"],
    ["dlq", "show", "dl_1"],
    ["dlq", "retry", "dl_1"],
    ["investigate", "inc_1"],
    ["investigate", "--service", "cart"],
    ["send", "alarm", "HighLatency", "--service", "cart"],
    ["role", "land"],
]


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_without_a_stack_every_command_says_how_to_get_one(arguments: list[str], tmp_path: Path) -> None:
    done = RUNNER.invoke(app, [*arguments, "--data", str(tmp_path)])
    assert isinstance(done.exception, UnavailableError)
    assert "tocsin up" in done.exception.cure


MISUSED = [
    (["evidence"], "which investigation?"),
    (["investigate"], "investigate what?"),
    (["investigate", "inc_1", "--service", "cart"], "investigate what?"),
    (["investigate", "inc_1", "--at", "2026-03-01"], "--at goes with --service"),
    (["investigate", "--service", "cart", "--at", "noon"], "--at: time 'noon'"),
    (["dlq", "retry"], "which dead letters?"),
    (["dlq", "retry", "dl_1", "--all"], "which dead letters?"),
    (["costs", "--since", "soon"], "--since 'soon' is no time"),
    (["dlq", "list", "--since", ""], "--since '' is no time"),
]


@pytest.mark.parametrize(
    ("arguments", "problem"), MISUSED, ids=lambda one: " ".join(one) if isinstance(one, list) else ""
)
def test_a_misuse_says_what_to_do_instead(arguments: list[str], problem: str, tmp_path: Path) -> None:
    done = RUNNER.invoke(app, [*arguments, "--data", str(tmp_path)])
    assert isinstance(done.exception, InvalidRequestError)
    assert problem in str(done.exception)
    assert done.exception.cure


def test_down_where_nothing_runs_is_no_error(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["down", "--data", str(tmp_path)])
    assert (done.exit_code, "nothing runs from" in done.stdout) == (ExitCode.OK, True)


def test_settings_that_are_wrong_are_all_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_LAND__BATCH_ROWS", "none")
    monkeypatch.setenv("TOCSIN_KAFKA__NO_SUCH", "1")
    done = RUNNER.invoke(app, ["status"])
    assert isinstance(done.exception, ConfigurationError)
    assert "land.batch_rows: " in str(done.exception)
    assert "kafka.no_such: " in str(done.exception)
    assert "tocsin.toml" in done.exception.cure


def test_an_error_ends_as_message_cure_and_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tocsin", "status", "--data", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == ExitCode.UNAVAILABLE
    said = capsys.readouterr()
    assert said.out == ""
    assert "error:" in said.err
    assert "tocsin up" in said.err


def test_the_program_itself_ends_with_the_status(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.cli.main", "dlq", "retry", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert re.search(r"error: which dead letters\?\s+cure: +Name their ids", done.stderr)


def test_ctrl_c_is_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "build_app", lambda _only: interrupted)
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnavailableError("x"), ExitCode.UNAVAILABLE),
        (RateLimitedError("x"), ExitCode.UNAVAILABLE),
        (NotFoundError("x"), ExitCode.NOT_FOUND),
        (InvalidRequestError("x"), ExitCode.USAGE),
        (ConfigurationError("x"), ExitCode.CONFIGURATION),
        (InvalidEventError("x", reason="empty"), ExitCode.FAILED),
        (UnknownSchemaError(1), ExitCode.FAILED),
        (IntegrityError("x"), ExitCode.FAILED),
        (TocsinError("x"), ExitCode.FAILED),
    ],
)
def test_errors_have_their_status(error: TocsinError, status: ExitCode) -> None:
    assert exit_code_of(error) is status


@pytest.mark.parametrize(
    ("text", "back"),
    [("30s", 30), ("30m", 1_800), ("6h", 21_600), ("1.5h", 5_400), ("7d", 604_800), ("2w", 1_209_600)],
)
def test_since_counts_back_from_now(text: str, back: float) -> None:
    start, end = since(text)
    now = datetime.now(UTC)
    assert abs((now - start).total_seconds() - back) < 60
    assert now < end < now + timedelta(hours=2)


def test_since_takes_a_time() -> None:
    assert since("2026-03-01T12:00")[0] == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert since("2026-03-01T12:00+01:00")[0] == datetime(2026, 3, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "h", "1.2.3d", "-1d", "²d", "9999999999w", "tomorrow"])
def test_since_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        since(text)
    assert "30m, 6h, 7d" in refused.value.cure
