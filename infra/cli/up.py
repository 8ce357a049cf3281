"""`tocsin up`: the stack on this machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Annotated, assert_never

import typer

from infra.cli.console import err, plain
from infra.cli.context import load_settings
from infra.cli.key_ring import admin_key_file, make_first_key
from infra.cli.local_stack import GivenPorts, LocalStack, log_path
from infra.cli.options import Broker, DataDir
from infra.cli.status import show_state
from infra.local.events import Exited, GaveUp, ProcessEvent, Ready, Restarting, Started, Stopped
from infra.local.state import StackState, read_state
from infra.local.stop_request import stop_on_signals
from infra.runtime.settings import Settings
from schemas.errors import UnavailableError

__all__ = ["show_event", "up"]

_DETACHED_S = 90.0


def up(
    broker: Broker = "tansu",
    brokers: Annotated[
        int, typer.Option(min=1, max=9, help="Brokers of Apache Kafka; three lose nothing when one dies.")
    ] = 1,
    kafka_port: Annotated[
        int | None, typer.Option(help="Port of the (first) broker.", show_default="free")
    ] = None,
    redis_port: Annotated[int | None, typer.Option(help="Port of Redis.", show_default="free")] = None,
    clickhouse_port: Annotated[
        int | None, typer.Option(help="Port of ClickHouse.", show_default="free")
    ] = None,
    api_port: Annotated[int | None, typer.Option(help="Port of the API.", show_default="free")] = None,
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
    ports = GivenPorts(kafka_port, redis_port, clickhouse_port, api_port)
    asyncio.run(_run(settings, LocalStack(settings, broker=broker, brokers=brokers, ports=ports)))


async def _run(settings: Settings, stack: LocalStack) -> None:
    key = await make_first_key(settings)
    with stop_on_signals() as stop:
        err.print("starting ...", highlight=False)
        async with stack.open(show_event, stop) as running:
            state = read_state(settings.data_dir)
            assert state is not None
            show_state(state)
            _show_key(key, settings)
            err.print("Ctrl-C stops everything.", highlight=False)
            await running.supervisor.run()
            err.print("stopping ...", highlight=False)


def _show_key(key: str | None, settings: Settings) -> None:
    """Show the first key, this once; on standard error, as a program that reads our output is not to have it."""
    if key is not None:
        err.print("\nThe first API key, of an admin. It is not shown again:", highlight=False)
        err.print(f"  {key}", highlight=False, soft_wrap=True)
        err.print(f"This user also finds it in {admin_key_file(settings.data_dir)}.", highlight=False)


def _detach(settings: Settings, arguments: list[str]) -> None:
    key = asyncio.run(make_first_key(settings))
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
    show_state(state)
    _show_key(key, settings)


def _ready_state(settings: Settings, pid: int) -> StackState | None:
    state = read_state(settings.data_dir)
    ready = state is not None and state.supervisor_pid == pid and state.processes
    return state if state and ready and all(one.status == "ready" for one in state.processes) else None


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
            return f"[bold red]  {name} stays down after {attempts} attempts:[/] {plain(because)}"
        case Stopped(name=name):
            return f"[yellow]  {name} was stopped by force[/]"
        case _:
            assert_never(event)
