"""`tocsin send`: alarms, KPI samples, log records and changes from flags, JSON lines or CSV."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.cli import rows
from infra.cli.console import emit, err, out, plain
from infra.cli.context import load_installation, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir, TenantName
from infra.cli.publishing import open_publisher
from infra.cli.rows import Defaults, Parsed
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from schemas.errors import InvalidRequestError
from schemas.events import AlarmStatus, ChangeKind, Event, LogSeverity, Severity

__all__ = ["app"]

app = typer.Typer(help="Send alarms, KPI samples, log records or changes.", no_args_is_help=True)

_SHOWN = 10
_CHUNK = 2_000

Source = Annotated[str, typer.Option("--source", help="What sends it.")]
FromFile = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", help="JSON lines, or CSV by its ending; `-` reads JSON lines from standard input."
    ),
]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Send the good rows of a file even when others are bad.")
]
Time = Annotated[str | None, typer.Option("--time", help="Unix seconds or ISO 8601; now when left out.")]
Service = Annotated[str, typer.Option("--service", "-s", help="The service that it is about.")]

Parser = Callable[[Iterable[Mapping[str, object]], Defaults], Parsed]


@app.command()
def alarm(
    name: Annotated[str, typer.Argument(help="The alarm's name.", show_default=False)] = "",
    service: Service = "",
    severity: Annotated[Severity, typer.Option(help="ITU-T X.733 severity.")] = Severity.MAJOR,
    status: Annotated[AlarmStatus, typer.Option(help="Fires or clears.")] = AlarmStatus.FIRING,
    fingerprint: Annotated[str, typer.Option(help="What makes two messages the same alarm.")] = "",
    indicator: Annotated[str, typer.Option(help="The metric, of a metric alarm.")] = "",
    value: Annotated[float | None, typer.Option(help="The measured value.")] = None,
    summary: Annotated[str, typer.Option(help="One line for a person.")] = "",
    labels: Annotated[str, typer.Option(help="a=b,c=d")] = "",
    time: Time = None,
    file: FromFile = None,
    keep_going: KeepGoing = False,
    source: Source = "cli",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send an alarm, or a file of alarms."""
    row = _given(
        name=name,
        service=service,
        severity=severity.value,
        status=status.value,
        fingerprint=fingerprint,
        indicator=indicator,
        value=value,
        summary=summary,
        labels=labels,
        time=time,
    )
    _send(rows.alarms, row, file, source, load_settings(data, tenant), keep_going, as_json)


@app.command()
def kpi(
    metric: Annotated[str, typer.Argument(help="The metric's name.", show_default=False)] = "",
    value: Annotated[float | None, typer.Argument(help="The sample's value.", show_default=False)] = None,
    service: Service = "",
    unit: Annotated[str, typer.Option(help="1, s, ms, By, 1/s, ...")] = "",
    labels: Annotated[str, typer.Option(help="a=b,c=d")] = "",
    time: Time = None,
    file: FromFile = None,
    keep_going: KeepGoing = False,
    source: Source = "cli",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a KPI sample, or a file of samples (columns time, service, metric, value, unit, labels)."""
    row = _given(metric=metric, value=value, service=service, unit=unit, labels=labels, time=time)
    _send(rows.kpis, row, file, source, load_settings(data, tenant), keep_going, as_json)


@app.command()
def log(
    message: Annotated[str, typer.Argument(help="The log line.", show_default=False)] = "",
    service: Service = "",
    severity: Annotated[LogSeverity, typer.Option(help="Severity.")] = LogSeverity.INFO,
    time: Time = None,
    file: FromFile = None,
    keep_going: KeepGoing = False,
    source: Source = "cli",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a log record, or a file of records (columns time, service, message, severity, entity, trace_id)."""
    row = _given(message=message, service=service, severity=severity.value, time=time)
    _send(rows.logs, row, file, source, load_settings(data, tenant), keep_going, as_json)


@app.command()
def change(
    title: Annotated[str, typer.Argument(help="What changed, in one line.", show_default=False)] = "",
    service: Service = "",
    kind: Annotated[ChangeKind, typer.Option(help="What kind of change.")] = ChangeKind.OTHER,
    version: Annotated[str, typer.Option(help="The version after it.")] = "",
    author: Annotated[str, typer.Option(help="Who did it.")] = "",
    time: Time = None,
    file: FromFile = None,
    keep_going: KeepGoing = False,
    source: Source = "cli",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a change (deploy, config, flag, scale), or a file of changes."""
    row = _given(title=title, service=service, kind=kind.value, version=version, author=author, time=time)
    _send(rows.changes, row, file, source, load_settings(data, tenant), keep_going, as_json)


def _given(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value not in (None, "")}


def _send(
    parse: Parser,
    row: Mapping[str, object],
    file: Path | None,
    source: str,
    settings: Settings,
    keep_going: bool,
    as_json: bool,
) -> None:
    defaults = Defaults(settings.tenant, source, SystemClock().now())
    parsed = _parse(parse, row, file, defaults)
    if parsed.bad and not (keep_going and parsed.events):
        raise InvalidRequestError(
            _told(parsed), cure="Nothing was sent. Correct the rows, or send the others with --keep-going."
        )
    asyncio.run(_publish(settings, source, parsed.events))
    if parsed.bad:
        _tell_left_out(parsed)
    _tell(parsed, as_json)
    if parsed.bad:
        raise typer.Exit(ExitCode.NEGATIVE)


def _parse(parse: Parser, row: Mapping[str, object], file: Path | None, defaults: Defaults) -> Parsed:
    if file is None:
        return parse([row], defaults)
    if str(file) == "-":
        return parse(rows.read_rows(file, sys.stdin), defaults)
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            return parse(rows.read_rows(file, stream), defaults)
    except OSError as error:
        raise InvalidRequestError(
            f"{file}: {error.strerror}", cure="Name a file that can be read."
        ) from error


async def _publish(settings: Settings, source: str, events: Sequence[Event]) -> None:
    installation = load_installation(settings)
    async with open_publisher(installation, f"cli/{source}") as producer:
        for start in range(0, len(events), _CHUNK):
            await producer.publish_all(events[start : start + _CHUNK])
            if len(events) > _CHUNK:
                err.print(
                    f"sent {min(start + _CHUNK, len(events)):,} of {len(events):,} events", highlight=False
                )


def _tell_left_out(parsed: Parsed) -> None:
    err.print(f"[yellow]left out:[/] {plain(_told(parsed))}", highlight=False)


def _tell(parsed: Parsed, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "sent": len(parsed.events),
                "left_out": len(parsed.bad),
                "ids": [one.event_id for one in parsed.events],
            }
        )
    elif len(parsed.events) == 1:
        out.print(f"sent {parsed.events[0].TOPIC} {parsed.events[0].event_id}", highlight=False)
    else:
        out.print(f"sent {len(parsed.events):,} events", highlight=False)


def _told(parsed: Parsed) -> str:
    lines = [f"row {one.number}: {one.problem}" for one in parsed.bad[:_SHOWN]]
    more = [f"and {len(parsed.bad) - _SHOWN} more"] if len(parsed.bad) > _SHOWN else []
    return "\n  ".join([f"{len(parsed.bad)} bad rows", *lines, *more])
