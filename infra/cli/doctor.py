"""`tocsin doctor`: what this machine lacks, and how to cure it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from typing import assert_never

import typer

from agents.knowledge.word_vectors import embedding_installed
from infra.cli.compose.likeness import INSTALL_EMBEDDING
from infra.cli.console import emit, out, table
from infra.cli.context import load_kafka, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.local_stack import GivenPorts, plan_of
from infra.cli.options import AsJson, Broker, DataDir
from infra.cli.schemas import missing_schemas
from infra.local.doctor import Check, CheckFailed, CheckOk, CheckWarning, examine, this_machine
from infra.local.ports import PortBook
from infra.runtime.settings import InvestigateSection, KafkaSection, Settings
from schemas.errors import TocsinError
from streams.connecting import find_problem

__all__ = ["doctor"]

_EMBEDDING = "embedding"
_REGISTRY = "schema registry"


def doctor(broker: Broker = "tansu", data: DataDir = None, as_json: AsJson = False) -> None:
    """Say what is missing, unreachable or misconfigured on this machine, and how to cure it."""
    settings = load_settings(data)
    plan = plan_of(settings, broker, GivenPorts())
    checks = (
        *examine(plan, PortBook(random.SystemRandom()), this_machine(), kafka=partial(_try_kafka, settings)),
        _embedding_check(settings.investigate),
        *_registry_checks(settings.kafka),
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


def _embedding_check(section: InvestigateSection) -> Check:
    installed = embedding_installed()
    if section.embedding == "off":
        return CheckOk(_EMBEDDING, "off: runbooks are compared by their words")
    if installed:
        return CheckOk(_EMBEDDING, "installed: runbooks are compared by what they mean, too")
    if section.embedding == "on":
        return CheckFailed(
            _EMBEDDING, "on, but not installed", f"Run `{INSTALL_EMBEDDING}`, or set it to `auto`."
        )
    return CheckOk(
        _EMBEDDING, f"not installed: runbooks are compared by their words; `{INSTALL_EMBEDDING}` adds it"
    )


def _registry_checks(section: KafkaSection) -> Iterator[Check]:
    """Ask the schema registry, where one is named, for every schema. Blocks."""
    if not section.schema_registry_urls:
        return
    try:
        missing = asyncio.run(missing_schemas(section))
    except TocsinError as error:
        yield CheckFailed(_REGISTRY, str(error), error.cure)
        return
    where = ", ".join(section.schema_registry_urls)
    if not missing:
        yield CheckOk(_REGISTRY, f"{where} has every schema")
    elif section.schema_registry_register:
        yield CheckOk(_REGISTRY, f"{where} answers; {len(missing)} schemas are put there at the first start")
    else:
        yield CheckFailed(
            _REGISTRY,
            f"{where} does not have {', '.join(missing)}",
            "Run `tocsin topics` once with TOCSIN_KAFKA__SCHEMA_REGISTRY_REGISTER=true.",
        )


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
