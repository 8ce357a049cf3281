"""Runs a command that cannot outlive its parent: `python -I -S tether.py PARENT_PID COMMAND ARG...`.

The kernel sends SIGKILL to the command when the thread that started it ends (PR_SET_PDEATHSIG, prctl(2)), so even
`kill -9` of the supervisor leaves no child. The setting survives execve, hence this program replaces itself by the
command: same pid, no extra process. It is a program of its own because `preexec_fn` runs Python between fork and
exec, which may deadlock once the parent has threads. Linux only; elsewhere the command runs without the tether.

Two limits: the *thread* that forks counts as the parent, so start children from a thread that lives as long as the
process (asyncio's main loop does); and what the command itself forks is not tethered, which is why the supervisor
kills the whole process group and the next start sweeps what a killed one left.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main", "tethered"]

_PR_SET_PDEATHSIG = 1


def tethered(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line that runs `argv` tied to the calling process. Does not block."""
    return (sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(os.getpid()), *argv)


def main(parent: int, argv: Sequence[str]) -> None:
    """Ties this process to `parent` and becomes `argv`; exits with 127 where the command cannot be run."""
    _die_with_parent()
    if os.getppid() != parent:  # the parent died before the tether was set: nobody would ever kill us
        sys.exit(1)
    try:
        os.execvp(argv[0], list(argv))  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(127)


def _die_with_parent() -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 - only the child needs it

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
