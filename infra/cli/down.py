"""`tocsin down`: stop the stack on this machine."""

from __future__ import annotations

from typing import assert_never

from infra.cli.console import out
from infra.cli.context import load_settings
from infra.cli.options import DataDir
from infra.local.down import NothingRan, StoppedForced, StoppedNicely, WasStale, take_down

__all__ = ["down"]


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
