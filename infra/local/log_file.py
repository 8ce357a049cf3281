"""The file that holds what a child prints: append only, one older generation kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["last_lines", "open_log"]

_ROTATE_ABOVE_BYTES = 20_000_000
_TAIL_BYTES = 8_192


def open_log(path: Path) -> int:
    """A file descriptor that appends to `path`; a file above 20 MB becomes `path.1` first. The caller closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _ROTATE_ABOVE_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def last_lines(path: Path, *, count: int = 12) -> str:
    """The last `count` lines of the file, or empty where there is none. Reads at most 8 KB."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-count:])
