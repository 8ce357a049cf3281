"""Runs the triage application inside a process of ours: no web server, our logging, our signals."""

from __future__ import annotations

import asyncio

import faust
import structlog

from schemas.errors import UnavailableError

__all__ = ["run_triage"]

_log = structlog.get_logger(__name__)

_STOP_S = 8.0


async def run_triage(app: faust.App, stop: asyncio.Event) -> None:
    """Run until `stop` is set, then let go within ten seconds. Blocks the task, not the loop.

    Raises:
        Exception: what a stage raised, or what Faust itself failed with. The process should end: the batch that
            failed is not acknowledged and comes again to the next run.
    """
    app.in_worker = True
    starting = asyncio.create_task(app.start(), name="triage-start")
    stopping = asyncio.create_task(stop.wait(), name="triage-stop")
    crashed = asyncio.create_task(app.wait_until_stopped(), name="triage-crash")
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            _log.info("triage_started", app=app.conf.id)
            await asyncio.wait({stopping, crashed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (starting, stopping, crashed):
            task.cancel()
        await asyncio.gather(starting, stopping, crashed, return_exceptions=True)
        await _stop(app)
    _raise_failure(app, stop)


async def _stop(app: faust.App) -> None:
    try:
        await asyncio.wait_for(app.stop(), _STOP_S)
    except TimeoutError:
        _log.warning("triage_stop_forced", after_s=_STOP_S)


def _raise_failure(app: faust.App, stop: asyncio.Event) -> None:
    if app.crash_reason is not None:
        raise app.crash_reason
    if not stop.is_set():
        raise UnavailableError("Faust stopped by itself")
