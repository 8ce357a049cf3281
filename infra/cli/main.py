"""The command line `tocsin`: one module per command, errors with their cure, exit codes that mean something."""

from __future__ import annotations

import sys

import typer

from infra.cli import (
    costs,
    dlq,
    evidence,
    incidents,
    investigate,
    migrate,
    replay,
    role,
    send,
    topics,
    up,
    verify,
)
from infra.cli.console import err, print_error
from infra.cli.demo import command as demo
from infra.cli.eval import evaluate
from infra.cli.exit_codes import ExitCode, exit_code_of
from schemas.errors import TocsinError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tocsin",
    help="Tocsin investigates incidents: alarms in, evidence and causes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

_STACK, _USE, _CARE = "The stack", "Incidents", "Care"

app.command(rich_help_panel=_STACK)(up.up)
app.command(rich_help_panel=_STACK)(up.down)
app.command(rich_help_panel=_STACK)(up.status)
app.command(rich_help_panel=_STACK)(up.doctor)
app.command(rich_help_panel=_STACK)(role.role)
app.command(rich_help_panel=_STACK)(demo.demo)
app.add_typer(send.app, name="send", rich_help_panel=_USE)
app.command(rich_help_panel=_USE)(investigate.investigate)
app.command(rich_help_panel=_USE)(incidents.incidents)
app.command(rich_help_panel=_USE)(incidents.report)
app.command(rich_help_panel=_USE)(evidence.evidence)
app.command(rich_help_panel=_USE)(costs.costs)
app.command(rich_help_panel=_CARE)(verify.verify)
app.add_typer(dlq.app, name="dlq", rich_help_panel=_CARE)
app.command("eval", rich_help_panel=_CARE)(evaluate)
app.command("replay-case", rich_help_panel=_CARE)(replay.replay_case)
app.command(rich_help_panel=_CARE)(topics.topics)
app.command(rich_help_panel=_CARE)(migrate.migrate)


def main() -> None:
    """Run a command; turn our errors into a message, its cure and an exit code."""
    try:
        app()
    except TocsinError as error:
        print_error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        err.print("interrupted", highlight=False)
        sys.exit(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    main()
