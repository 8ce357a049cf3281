"""What starts often starts quickly: a command, or a role, imports nothing that it does not use."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from infra.cli import main as command_line
from infra.cli.main import app, build_app

_HEAVY = (
    "aiohttp",
    "aiokafka",
    "clickhouse_connect",
    "faust",
    "genai_prices",
    "httpx",
    "langchain_openai",
    "langgraph",
    "numpy",
    "openai",
    "opentelemetry.exporter",
    "redis",
    "rich.markdown",
)
_REPORT = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{_REPORT}"], capture_output=True, text=True, check=True
    )
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    return {name for name in _HEAVY if name in modules}


def names_of(only: str | None) -> list[str]:
    group = get_command(build_app(only))
    assert isinstance(group, TyperGroup)
    return list(group.commands)


@pytest.mark.parametrize("command", ["up", "down", "status", "role", "send"])
def test_a_command_alone_is_a_command_of_the_whole(command: str) -> None:
    assert names_of(command) == [command]
    assert command in names_of(None)


def test_the_app_is_the_whole_and_made_once() -> None:
    assert app is build_app()
    assert command_line.app is app


def test_a_name_that_the_module_lacks_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'apps'"):
        getattr(command_line, "apps")  # noqa: B009 - mypy knows that it is not there


def test_a_command_that_does_not_exist_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        build_app("statu")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import infra.cli.main", set()),
        ("from infra.cli.main import build_app; build_app('status')", set()),
        ("from infra.cli.main import build_app; build_app('down')", set()),
        ("from infra.cli.main import build_app; build_app('send')", {"aiokafka"}),
        ("from infra.cli.main import build_app; build_app('role')", {"aiokafka"}),
        ("import infra.cli.compose.detect", {"aiokafka", "numpy"}),
        ("import infra.cli.compose.triage", {"aiohttp", "aiokafka", "faust", "redis"}),
    ],
)
def test_only_what_is_used_is_imported(statement: str, expected: set[str]) -> None:
    assert loaded_by(statement) <= expected


def test_no_client_of_a_provider_is_imported_where_none_is_configured() -> None:
    unused = {
        "faust",
        "genai_prices",
        "langchain_openai",
        "openai",
        "opentelemetry.exporter",
        "rich.markdown",
    }
    assert not loaded_by("import infra.cli.compose.investigate") & unused


def test_an_option_before_the_command_is_still_understood() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli.main", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    for name in names_of(None):
        assert f" {name} " in done.stdout


def test_a_misspelt_command_gets_a_suggestion() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli.main", "statu"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Did you mean 'status'" in done.stderr
