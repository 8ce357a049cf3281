"""`tocsin top`: what the installation does at this moment, live."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Final

import httpx
import typer
from rich.live import Live

from infra.cli.console import emit, out
from infra.cli.context import load_settings
from infra.cli.local_stack import ROLES
from infra.cli.options import AsJson, DataDir
from infra.cli.remote.client import ApiClient, open_api
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, remote_of
from infra.cli.remote.place import Asked, Endpoint, of_stack
from infra.cli.top.flow import FlowSource, MetricsFlow, TopicsFlow
from infra.cli.top.gather import Gatherer, Who, who
from infra.cli.top.look import Look, Process
from infra.cli.top.screen import Screen
from infra.local.state import StackState, read_state
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings

__all__ = ["top"]

_WITHIN_S: Final = 10.0


def top(
    interval: Annotated[
        float, typer.Option("--interval", "-n", min=0.5, max=3_600, help="Seconds from look to look.")
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Look twice, for the rates, print the second look, and end.")
    ] = False,
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show lag, rates, open incidents, running investigations and costs, live until Ctrl-C.

    With --json it prints one object a look. Where standard output is no terminal, or one that cannot move its cursor, it looks once.
    """
    settings = load_settings(data)
    elsewhere = remote_of(settings, context, url, key, data)
    endpoint = elsewhere or of_stack(Asked(key=key), settings)
    once = once or not (as_json or (out.is_terminal and not out.is_dumb_terminal))
    try:
        asyncio.run(_run(endpoint, None if elsewhere else settings, interval, once=once, as_json=as_json))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return


async def _run(
    endpoint: Endpoint, here: Settings | None, interval_s: float, *, once: bool, as_json: bool
) -> None:
    async with _gatherer(endpoint, here) as gatherer:
        if once:
            await gatherer.look()
            await asyncio.sleep(max(interval_s, gatherer.flows.settles_s))
            _print(await gatherer.look(), as_json=as_json)
        elif as_json:
            async for look in _looks(gatherer, interval_s):
                _print(look, as_json=True)
        else:
            await _live(gatherer, interval_s)


async def _live(gatherer: Gatherer, interval_s: float) -> None:
    with Live(console=out, screen=True, auto_refresh=False) as live:
        async for look in _looks(gatherer, interval_s):
            live.update(Screen(look), refresh=True)


async def _looks(gatherer: Gatherer, interval_s: float) -> AsyncIterator[Look]:
    """Look for ever, or until a signal: the terminal must be given back."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    while True:
        next_at = loop.time() + interval_s
        yield await gatherer.look()
        await asyncio.sleep(max(next_at - loop.time(), 0.1))


def _print(look: Look, *, as_json: bool) -> None:
    if as_json:
        emit(look)
    else:
        out.print(Screen(look, fit=False))


@asynccontextmanager
async def _gatherer(endpoint: Endpoint, here: Settings | None) -> AsyncIterator[Gatherer]:
    """Connect. Of this machine's stack the roles' own metrics tell more, and more often, than the API does."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(open_api(endpoint, _WITHIN_S))
        me = await who(api)
        flows: FlowSource = TopicsFlow(api)
        if here is not None:
            http = await stack.enter_async_context(httpx.AsyncClient(timeout=_WITHIN_S, trust_env=False))
            flows = MetricsFlow(http, lambda: _metrics_ports(_state(here)))
        yield _watching(api, me, flows, here)


def _watching(api: ApiClient, me: Who, flows: FlowSource, here: Settings | None) -> Gatherer:
    gatherer = Gatherer(api, me, flows, SystemClock().now)
    if here is not None:
        gatherer.processes = lambda: _processes(_state(here))
    return gatherer


def _state(settings: Settings) -> StackState | None:
    return read_state(settings.data_dir)


def _metrics_ports(state: StackState | None) -> Sequence[int]:
    """The last port of each role is that of its metrics."""
    return [one.ports[-1] for one in state.processes if one.name in ROLES and one.ports] if state else []


def _processes(state: StackState | None) -> tuple[Process, ...]:
    return tuple(Process(one.name, one.status, one.restarts) for one in state.processes) if state else ()
