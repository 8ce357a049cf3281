"""`tocsin doctor`: what this machine lacks, and how to cure it."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import assert_never

import typer

from infra.cli.console import emit, out, table
from infra.cli.context import load_kafka, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.local_stack import GivenPorts, plan_of
from infra.cli.options import AsJson, Broker, DataDir
from infra.local.doctor import Check, CheckFailed, CheckOk, CheckWarning, examine, this_machine
from infra.local.ports import PortBook
from infra.runtime.settings import Settings
from streams.connecting import find_problem

__all__ = ["doctor"]


def doctor(broker: Broker = "tansu", data: DataDir = None, as_json: AsJson = False) -> None:
    """Say what is missing, unreachable or misconfigured on this machine, and how to cure it."""
    settings = load_settings(data)
    plan = plan_of(settings, broker, GivenPorts())
    checks = examine(
        plan, PortBook(random.SystemRandom()), this_machine(), kafka=partial(_try_kafka, settings)
    )
    if as_json:
        emit([_row(check) for check in checks])
    else:
        out.print(
            table("Doctor", ("check", "result", "what", "cure"), [_row(one).values() for one in checks])
        )
    if any(isinstance(check, CheckFailed) for check in checks):
        raise typer.Exit(ExitCode.NEGATIVE)


def _try_kafka(settings: Settings, bootstrap: str) -> None:
    """Connect as every client of ours does. Raises ConfigurationError or UnavailableError, with the cure."""
    kafka = load_kafka(settings, bootstrap)
    problem = asyncio.run(find_problem(kafka))
    if problem is not None:
        raise problem.error()


def _row(check: Check) -> dict[str, str]:
    match check:
        case CheckOk(name, detail):
            return {"check": name, "result": "ok", "what": detail, "cure": ""}
        case CheckWarning(name, cause, cure):
            return {"check": name, "result": "warning", "what": cause, "cure": cure}
        case CheckFailed(name, cause, cure):
            return {"check": name, "result": "failed", "what": cause, "cure": cure}
        case _:
            assert_never(check)
