"""The command line `tocsin`: one module per command, errors with their cure, exit codes that mean something."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

import typer

from infra.cli.completing import begun_words, names_app
from infra.cli.console import err, print_error
from infra.cli.exit_codes import ExitCode, exit_code_of
from schemas.errors import TocsinError

__all__ = ["app", "build_app", "main"]

_STACK, _USE, _CARE = "The stack", "Incidents", "Care"


@dataclass(frozen=True, slots=True)
class _Command:
    """Where a command, or a group of commands, is, and under which heading the help lists it."""

    module: str
    attribute: str
    panel: str


# The order is that of the help.
_COMMANDS: Final = {
    "up": _Command("infra.cli.up", "up", _STACK),
    "down": _Command("infra.cli.down", "down", _STACK),
    "status": _Command("infra.cli.status", "status", _STACK),
    "doctor": _Command("infra.cli.doctor", "doctor", _STACK),
    "role": _Command("infra.cli.role", "role", _STACK),
    "demo": _Command("infra.cli.demo.command", "demo", _STACK),
    "send": _Command("infra.cli.send", "app", _USE),
    "investigate": _Command("infra.cli.investigate", "investigate", _USE),
    "follow": _Command("infra.cli.follow", "follow", _USE),
    "top": _Command("infra.cli.top.command", "top", _USE),
    "incidents": _Command("infra.cli.incidents", "incidents", _USE),
    "report": _Command("infra.cli.report", "report", _USE),
    "evidence": _Command("infra.cli.evidence", "evidence", _USE),
    "ask": _Command("infra.cli.ask", "ask", _USE),
    "feedback": _Command("infra.cli.feedback", "feedback", _USE),
    "costs": _Command("infra.cli.costs", "costs", _USE),
    "context": _Command("infra.cli.contexts", "app", _CARE),
    "runbooks": _Command("infra.cli.runbooks.command", "app", _CARE),
    "keys": _Command("infra.cli.keys", "app", _CARE),
    "verify": _Command("infra.cli.verify", "verify", _CARE),
    "dlq": _Command("infra.cli.dlq", "app", _CARE),
    "eval": _Command("infra.cli.eval", "evaluate", _CARE),
    "replay-case": _Command("infra.cli.replay", "replay_case", _CARE),
    "topics": _Command("infra.cli.topics", "topics", _CARE),
    "migrate": _Command("infra.cli.migrate", "migrate", _CARE),
}

if TYPE_CHECKING:
    app: typer.Typer
else:

    def __getattr__(name: str) -> typer.Typer:
        """`app` has every command, so it imports everything: only who asks for it pays that."""
        if name == "app":
            return build_app()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def build_app(only: str | None = None) -> typer.Typer:
    """Return the command line with all commands, or with one. Imports what those commands need, and nothing else.

    Raises KeyError for a command that does not exist.
    """
    made = typer.Typer(
        name="tocsin",
        help="Tocsin investigates incidents: alarms in, evidence and causes out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    # With a callback a single command keeps its name on the command line.
    made.callback()(_nothing)
    for name in _COMMANDS if only is None else (only,):
        _add(made, name, _COMMANDS[name])
    return made


def _nothing() -> None: ...


def _add(made: typer.Typer, name: str, command: _Command) -> None:
    found = getattr(import_module(command.module), command.attribute)
    if isinstance(found, typer.Typer):
        made.add_typer(found, name=name, rich_help_panel=command.panel)
    else:
        made.command(name, rich_help_panel=command.panel)(found)


def _asked(arguments: Sequence[str]) -> str | None:
    """Return the command to run; None where all must be known: for the help, a completion, a misspelt name."""
    return arguments[0] if arguments and arguments[0] in _COMMANDS else None


def _app() -> typer.Typer:
    """Return as much of the command line as this call needs; a shell that completes runs nothing."""
    words = begun_words(os.environ)
    if words is None:
        return build_app(_asked(sys.argv[1:]))
    if len(words) > 1:
        return build_app(_asked(words))
    return names_app({name: (one.module, one.attribute) for name, one in _COMMANDS.items()})


def main() -> None:
    """Run a command; turn our errors into a message, its cure and an exit code."""
    try:
        _app()()
    except TocsinError as error:
        print_error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        err.print("interrupted", highlight=False)
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
