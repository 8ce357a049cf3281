"""`tocsin role NAME`: one role in the foreground, as the supervisor, a container or a developer runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Literal

import typer

from infra.cli.compose.process import RoleProcess, open_role
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.options import DataDir
from infra.local.stop_request import stop_on_signals
from infra.runtime.heap import settle_heap
from infra.runtime.telemetry import serve_metrics

__all__ = ["role"]

RoleName = Literal["stream", "detect", "investigate", "land", "api"]
_Run = Callable[[RoleProcess, asyncio.Event], Awaitable[None]]
_SETTLED_S = 10.0
"""By then a role has imported what it uses and read its state back."""


def role(
    name: Annotated[RoleName, typer.Argument(help="Which role.", show_default=False)], data: DataDir = None
) -> None:
    """Run one role until SIGTERM. `tocsin up` runs all of them; this is for containers and debugging."""
    installation = load_installation(load_settings(data))
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - not on every platform

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(name, installation))


async def _serve(name: RoleName, installation: Installation) -> None:
    run = _runner(name)
    asyncio.get_running_loop().call_later(_SETTLED_S, settle_heap)
    with stop_on_signals() as stop:
        async with open_role(name, installation) as process:
            telemetry = installation.settings.telemetry
            with serve_metrics(process.recorder, telemetry.metrics_port, telemetry.metrics_host):
                await run(process, stop.asked)


def _runner(name: RoleName) -> _Run:
    """Import what this role needs and no other: a role starts in a second, not in three."""
    match name:
        case "stream":
            from infra.cli.compose import triage  # noqa: PLC0415

            return triage.run
        case "detect":
            from infra.cli.compose import detect  # noqa: PLC0415

            return detect.run
        case "investigate":
            from infra.cli.compose import investigate  # noqa: PLC0415

            return investigate.run
        case "land":
            from infra.cli.compose import land  # noqa: PLC0415

            return land.run
        case "api":
            from infra.cli.compose import api  # noqa: PLC0415

            return api.run
