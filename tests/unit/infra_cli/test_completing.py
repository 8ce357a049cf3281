"""Completion as shells ask for it: bash by COMP_WORDS, the others by the line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from infra.cli.completing import begun_words, names_app, summary_of
from infra.cli.main import _COMMANDS, app


def whole() -> TyperGroup:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def completed(home: Path, words: str, *, shell_name: str = "bash") -> list[str]:
    """What the installed script asks, and the shell's answer; with the modules that it took at the end."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environ |= {"_TOCSIN_COMPLETE": f"complete_{shell_name}", "XDG_CONFIG_HOME": str(home), "HOME": str(home)}
    if shell_name == "bash":
        environ |= {"COMP_WORDS": words.replace(" ", "\n"), "COMP_CWORD": str(words.count(" "))}
    else:
        environ |= {"_TYPER_COMPLETE_ARGS": words}
    program = (
        "import atexit, sys; sys.argv = ['tocsin'];"
        "atexit.register(lambda: print('heavy' if 'clickhouse_connect' in sys.modules else 'light'));"
        "from infra.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False, cwd=home
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, None),
        ({"COMP_WORDS": "tocsin"}, None),
        ({"_TOCSIN_COMPLETE": "source_bash", "COMP_WORDS": "tocsin x"}, None),
        ({"_TOCSIN_COMPLETE": "complete_bash", "COMP_WORDS": "tocsin\n"}, [""]),
        ({"_TOCSIN_COMPLETE": "complete_bash", "COMP_WORDS": "tocsin\nto"}, ["to"]),
        ({"_TOCSIN_COMPLETE": "complete_bash", "COMP_WORDS": "tocsin\ntop\n"}, ["top", ""]),
        (
            {"_TOCSIN_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "tocsin top --url 'ht"},
            ["top", "--url", "'ht"],
        ),
        ({"_TOCSIN_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "tocsin send a"}, ["send", "a"]),
        ({"_TOCSIN_COMPLETE": "complete_fish"}, [""]),
    ],
)
def test_what_a_shell_asks(environ: dict[str, str], words: list[str] | None) -> None:
    assert begun_words(environ) == words


def test_the_light_application_is_told_like_the_whole() -> None:
    light = get_command(names_app({name: (one.module, one.attribute) for name, one in _COMMANDS.items()}))
    assert isinstance(light, TyperGroup)
    assert set(light.commands) == set(whole().commands)
    for name, command in whole().commands.items():
        assert light.commands[name].get_short_help_str(200) == command.get_short_help_str(200), name


def test_what_has_no_help_has_none() -> None:
    assert summary_of("infra.cli.main", "no_such_thing") == ""
    assert summary_of("infra.cli.console", "out") == ""


def test_names_of_commands_come_without_their_imports(tmp_path: Path) -> None:
    assert completed(tmp_path, "tocsin top") == ["top", "topics", "light"]
    assert {"incidents", "context", "light"} <= set(completed(tmp_path, "tocsin "))
    assert "List the topics" in "".join(completed(tmp_path, "tocsin to", shell_name="zsh"))


def test_only_the_command_that_is_completed_is_imported(tmp_path: Path) -> None:
    assert completed(tmp_path, "tocsin context u") == ["use", "light"]
    assert "--key-file" in completed(tmp_path, "tocsin context add --")


def test_values_are_completed_as_far_as_they_are_known(tmp_path: Path) -> None:
    assert completed(tmp_path, "tocsin context use lo") == ["local", "light"]
    assert completed(tmp_path, "tocsin follow inv_")[0] == ""  # nobody to ask
