"""`tocsin up`, `tocsin down`, `tocsin doctor`: the stack on this machine."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from typing import Annotated, Literal, assert_never

import typer

from infra.cli.console import emit, err, out, table
from infra.cli.context import load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.local_stack import GivenPorts, LocalStack, log_path, plan_of
from infra.cli.options import AsJson, DataDir
from infra.local.doctor import Check, CheckFailed, CheckOk, CheckWarning, examine, this_machine
from infra.local.down import NothingRan, StoppedForced, StoppedNicely, WasStale, take_down
from infra.local.events import Exited, GaveUp, ProcessEvent, Ready, Restarting, Started, Stopped
from infra.local.ports import PortBook
from infra.local.state import StackState, read_state
from infra.local.stop_request import stop_on_signals
from infra.runtime.settings import Settings
from schemas.errors import UnavailableError

__all__ = ["doctor", "down", "show_event", "status", "up"]

_DETACHED_S = 90.0

Broker = Annotated[
    Literal["tansu", "apache"],
    typer.Option(help="Tansu (in memory, from a wheel) or Apache Kafka (Java 17; its log is kept)."),
]


def up(
    broker: Broker = "tansu",
    kafka_port: Annotated[int | None, typer.Option(help="Port of the broker.", show_default="free")] = None,
    redis_port: Annotated[int | None, typer.Option(help="Port of Redis.", show_default="free")] = None,
    clickhouse_port: Annotated[
        int | None, typer.Option(help="Port of ClickHouse.", show_default="free")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything runs.")] = False,
    data: DataDir = None,
) -> None:
    """Run everything on this machine until Ctrl-C: broker, Redis, ClickHouse, SQLite and the roles.

    A server whose address is set (TOCSIN_KAFKA__BOOTSTRAP_SERVERS, TOCSIN_REDIS__URL, TOCSIN_CLICKHOUSE__URL) is
    used where it is instead of being started.
    """
    settings = load_settings(data)
    if detach:
        _detach(settings, sys.argv[1:])
        return
    ports = GivenPorts(kafka_port, redis_port, clickhouse_port)
    asyncio.run(_run(settings, LocalStack(settings, broker=broker, ports=ports)))


async def _run(settings: Settings, stack: LocalStack) -> None:
    with stop_on_signals() as stop:
        err.print("starting ...", highlight=False)
        async with stack.open(show_event, stop) as running:
            state = read_state(settings.data_dir)
            assert state is not None
            _show(state)
            err.print("Ctrl-C stops everything.", highlight=False)
            await running.supervisor.run()
            err.print("stopping ...", highlight=False)


def _detach(settings: Settings, arguments: list[str]) -> None:
    own = [argument for argument in arguments if argument not in ("--detach", "-d")]
    log = log_path(settings.data_dir, "up")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        child = subprocess.Popen(
            [sys.executable, "-m", "infra.cli.main", *own],
            stdout=stream,
            stderr=stream,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    deadline = time.monotonic() + _DETACHED_S
    with err.status("starting ..."):
        while not (state := _ready_state(settings, child.pid)):
            if child.poll() is not None or time.monotonic() > deadline:
                raise UnavailableError("the stack did not start", cure=f"Read {log}.")
            time.sleep(0.1)
    _show(state)


def _ready_state(settings: Settings, pid: int) -> StackState | None:
    state = read_state(settings.data_dir)
    ready = state is not None and state.supervisor_pid == pid and state.processes
    return state if state and ready and all(one.status == "ready" for one in state.processes) else None


def down(data: DataDir = None) -> None:
    """Stop the stack that runs from the data folder."""
    settings = load_settings(data)
    outcome = take_down(settings.data_dir)
    match outcome:
        case NothingRan():
            out.print(f"nothing runs from {settings.data_dir}", highlight=False)
        case StoppedNicely(pid):
            out.print(f"stopped (pid {pid})", highlight=False)
        case StoppedForced(pid):
            out.print(f"stopped by force (pid {pid})", highlight=False)
        case WasStale(pid, killed):
            out.print(f"pid {pid} had died before; cleaned up {len(killed)} processes", highlight=False)
        case _:
            assert_never(outcome)


def status(data: DataDir = None, as_json: AsJson = False) -> None:
    """Show what runs, where, and since when."""
    settings = load_settings(data)
    state = read_state(settings.data_dir)
    if state is None or not state.is_running():
        raise UnavailableError(f"nothing runs from {settings.data_dir}", cure="Start it with `tocsin up`.")
    if as_json:
        emit(state)
    else:
        _show(state)


def _show(state: StackState) -> None:
    rows = [
        (one.name, one.status, one.pid or "", ", ".join(map(str, one.ports)), one.restarts, one.log_file)
        for one in state.processes
    ]
    out.print(table("Processes", ("name", "state", "pid", "ports", "restarts", "log"), rows))
    where = state.addresses
    servers = (
        ("Kafka", where.kafka),
        ("ClickHouse", where.clickhouse_url),
        ("Redis", where.redis_url.rpartition("@")[2]),
        ("SQLite", where.sqlite_path),
    )
    out.print(table("\nAddresses", ("part", "where"), servers))


def show_event(event: ProcessEvent) -> None:
    """Print what the supervisor tells, a line each."""
    line = _event_line(event)
    if line:
        err.print(line, highlight=False)


def _event_line(event: ProcessEvent) -> str:
    match event:
        case Started() | Stopped(forced=False):
            return ""
        case Ready(name=name, after_s=after_s):
            return f"  {name} is ready ({after_s:.1f} s)"
        case Exited(name=name, code=code):
            return f"[red]  {name} died ({code})[/]"
        case Restarting(name=name, delay_s=delay_s, attempt=attempt):
            return f"[yellow]  {name} is restarted in {delay_s:.1f} s (attempt {attempt})[/]"
        case GaveUp(name=name, attempts=attempts, because=because):
            return f"[bold red]  {name} stays down after {attempts} attempts: {because}[/]"
        case Stopped(name=name):
            return f"[yellow]  {name} was stopped by force[/]"
        case _:
            assert_never(event)


def doctor(broker: Broker = "tansu", data: DataDir = None, as_json: AsJson = False) -> None:
    """Say what is missing, unreachable or misconfigured on this machine, and how to cure it."""
    settings = load_settings(data)
    plan = plan_of(settings, broker, GivenPorts())
    checks = examine(plan, PortBook(random.SystemRandom()), this_machine())
    if as_json:
        emit([_row(check) for check in checks])
    else:
        out.print(
            table("Doctor", ("check", "result", "what", "cure"), [_row(one).values() for one in checks])
        )
    if any(isinstance(check, CheckFailed) for check in checks):
        raise typer.Exit(ExitCode.NEGATIVE)


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
