"""One stack per data folder, by flock(2): the kernel frees the lock however its holder ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigurationError

__all__ = ["folder_lock"]


@contextmanager
def folder_lock(data_dir: Path) -> Iterator[None]:
    """Holds `data_dir` (made if missing, mode 0700) for this process. Does not wait.

    Children do not inherit the lock: Python opens files close-on-exec.

    Raises:
        ConfigurationError: another process holds it (the message has its pid), or the folder cannot be written.
    """
    handle = _open(data_dir)
    try:
        _take(handle, data_dir)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _open(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The file stays for ever: deleting it would let two processes lock two files of one name.
        return os.open(data_dir / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"data folder {data_dir} cannot be used: {error.strerror}", cure="Choose another with --data."
        ) from error


def _take(handle: int, data_dir: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(handle, 32, 0).decode().strip() or "unknown"
        raise ConfigurationError(
            f"data folder {data_dir} is in use by the stack of pid {holder}",
            cure=f"Stop it with `tocsin down --data {data_dir}`, or choose another folder with --data.",
        ) from error
