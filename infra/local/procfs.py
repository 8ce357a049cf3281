"""Which process is which, from /proc: a pid alone may have been given to another process meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["is_alive", "marked_processes", "start_ticks"]

_STATE, _START_TICKS = 0, 19  # fields 3 and 22 of proc(5) stat, counted after the command's closing bracket


def start_ticks(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it does not run (a zombie does not)."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    after_name = fields.rpartition(")")[2].split()
    return None if after_name[_STATE] in "ZX" else int(after_name[_START_TICKS])


def is_alive(pid: int, ticks: int) -> bool:
    """Whether the very process that had this pid and start time still runs."""
    return start_ticks(pid) == ticks


def marked_processes(name: str, value: str) -> Iterator[int]:
    """Pids of this user's live processes, ourselves excepted, whose environment was started with `name=value`."""
    wanted = f"{name}={value}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if pid != os.getpid() and wanted in _environment(entry) and start_ticks(pid) is not None:
            yield pid


def _environment(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended, or belongs to another user
        return []
