"""Children of a killed supervisor: the tether kills each of them, but not what they forked themselves."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from infra.local.procfs import marked_processes

__all__ = ["kill_leftovers", "mark_of"]

_MARK = "TOCSIN_STACK"


def mark_of(data_dir: Path) -> dict[str, str]:
    """The environment variable by which every process of this data folder's stack is known."""
    return {_MARK: str(data_dir.resolve())}


def kill_leftovers(data_dir: Path) -> tuple[int, ...]:
    """Kills every process that bears the folder's mark; returns their pids. Call only while no stack runs there."""
    pids = tuple(sorted(marked_processes(_MARK, mark_of(data_dir)[_MARK])))
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids
