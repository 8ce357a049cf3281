"""`tocsin replay-case`: a recorded incident through Kafka, from its alarms to its report."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from agents.evaluation.cases import Case, load_case
from infra.cli.case_events import CaseEvents, service_topology
from infra.cli.console import emit, err
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.demo.screen import Screen
from infra.cli.local_stack import LocalStack
from infra.cli.options import AsJson, DataDir
from infra.cli.publishing import open_publisher
from infra.cli.report import ReportFormat, show_report
from infra.cli.up import show_event
from infra.cli.watch import Watcher, watching
from infra.local.state import read_state
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.runtime.sql import ControlStore, open_database
from schemas.control import Policy
from schemas.events import Incident, InvestigationRequested, Report, RequestKind

__all__ = ["replay_case"]

_CHUNK = 200
_SECOND = 1.0
_ENVIRONMENT = {"TOCSIN_DETECT__ENABLED": "false"}


def replay_case(
    folder: Annotated[
        Path, typer.Argument(help="A case folder: case.json, metrics.csv, logs.csv, alarms.csv, ...")
    ],
    timeout: Annotated[
        float, typer.Option(help="Wait at most so many seconds for the report.", min=1)
    ] = 180.0,
    form: Annotated[ReportFormat, typer.Option("--format", help="How to print it.")] = ReportFormat.PAGE,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a recorded incident through Kafka as alarms, KPIs, logs and changes, and end with its report.

    Its times are moved so that it ends now, under a tenant of its own. The stack that runs in the data folder is
    used; where none runs, one is started for the while (without online detection: the case has its own alarms).
    The truth in the case is never read.
    """
    case = load_case(folder)
    report = asyncio.run(_replay(case, load_settings(data), timeout))
    if as_json:
        emit({"case": case.case_id, "services": [cause.service for cause in report.causes], "report": report})
    else:
        show_report(report, form, as_json=False)


async def _replay(case: Case, settings: Settings, timeout_s: float) -> Report:
    screen = Screen(err)
    async with _stack(settings) as installation:
        return await _send_and_wait(case, installation, screen, timeout_s)


@asynccontextmanager
async def _stack(settings: Settings) -> AsyncIterator[Installation]:
    """Yield the running stack, or a temporary one."""
    state = read_state(settings.data_dir)
    if settings.kafka.bootstrap_servers or (state is not None and state.is_running()):
        yield load_installation(settings)
        return
    with tempfile.TemporaryDirectory(prefix="tocsin-replay-", ignore_cleanup_errors=True) as folder:
        own = load_settings(Path(folder))
        async with LocalStack(own, environment=_ENVIRONMENT).open(show_event):
            yield load_installation(own)


async def _send_and_wait(case: Case, installation: Installation, screen: Screen, timeout_s: float) -> Report:
    clock = SystemClock()
    tenant = f"replay-{hashlib.sha256(case.case_id.encode()).hexdigest()[:12]}-{clock.now():%H%M%S}"
    events = CaseEvents(case.data, tenant, clock.now().timestamp() - case.data.window.end)
    await _configure(installation.settings, case, events)
    async with (
        open_publisher(installation, "replay") as producer,
        watching(installation, tenant, clock.now(), screen.tocsin_event) as watcher,
    ):
        telemetry = list(events.telemetry())
        for first in range(0, len(telemetry), _CHUNK):
            await producer.publish_all(telemetry[first : first + _CHUNK])
        alarms = events.alarms()
        await producer.publish_all(alarms)
        screen.say(f"sent {len(telemetry):,} telemetry batches and {len(alarms):,} alarms as tenant {tenant}")
        await watcher.until(lambda: _answered(watcher), "the report", timeout_s)
        return _main_report(watcher)


async def _configure(settings: Settings, case: Case, events: CaseEvents) -> None:
    """Tell the control plane who calls whom, and over which time this case is to be looked at."""
    window = case.data.window
    first = min([window.alarm_at, *(one.time for one in case.data.alarms)])
    policy = Policy(
        policy_id="replay",
        tenant=events.tenant,
        observe_s=max(0.0, window.end - first - _SECOND),
        baseline_s=max(_SECOND, window.start - window.baseline_start),
        lead_s=max(0.0, window.alarm_at - window.start),
    )
    async with open_database(settings.control_database) as database:
        control = ControlStore(database)
        await control.put_policy(policy)
        if case.data.topology.calls:
            await control.put_topology(service_topology(events.tenant, case.data.topology))


def _answered(watcher: Watcher) -> bool:
    """Whether every investigation that was asked for has its report."""
    asked = {
        one.investigation_id
        for one in watcher.all(InvestigationRequested)
        if one.kind is not RequestKind.CANCEL
    }
    return bool(asked) and asked <= {one.investigation_id for one in watcher.all(Report)}


def _main_report(watcher: Watcher) -> Report:
    """Return the report about the incident with the most alarms; the earliest of equals."""
    alarms: dict[str, int] = {}
    for incident in watcher.all(Incident):
        alarms[incident.incident_id] = max(alarms.get(incident.incident_id, 0), incident.alarm_count)
    return max(watcher.all(Report), key=lambda report: alarms.get(report.incident_id, 0))
