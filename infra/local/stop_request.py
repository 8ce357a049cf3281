"""A wish to stop, from signals or code: asked once it is polite, asked twice it is urgent."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["StopRequest", "stop_on_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequest:
    """`asked` after the first `ask()`, `urgent` after the second. Used from one event loop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.urgent = asyncio.Event()

    def ask(self) -> None:
        (self.urgent if self.asked.is_set() else self.asked).set()


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Yields a request that each SIGINT, SIGTERM or SIGHUP (the terminal was closed) asks. Main thread only."""
    loop = asyncio.get_running_loop()
    request = StopRequest()
    for number in _SIGNALS:
        loop.add_signal_handler(number, request.ask)
    try:
        yield request
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
