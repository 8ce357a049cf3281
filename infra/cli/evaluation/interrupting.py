"""Ctrl-C that is not lost: Python drops a KeyboardInterrupt that comes in a callback or a finaliser."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

__all__ = ["Interruption", "interruptions"]


@dataclass(slots=True)
class Interruption:
    """Whether somebody has pressed Ctrl-C."""

    asked: bool = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was pressed, in case nobody has heard of it."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def interruptions() -> Iterator[Interruption]:
    """Raise KeyboardInterrupt at Ctrl-C as ever, and remember it. Only in the main thread."""
    seen = Interruption()

    def take(_number: int, _frame: FrameType | None) -> None:
        seen.asked = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, take)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
