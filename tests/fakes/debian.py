"""Programs of Debian's packages, as `apt-get install` leaves them."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

__all__ = ["as_user", "debian_program", "hand_over"]

_LANE = "TOCSIN_LANE"
_FOLDERS = "/usr/lib/postgresql"


def debian_program(name: str, package: str) -> str:
    """Return the program's path. Skips the test where it is not installed; fails it in the lane that installs it."""
    path = os.environ.get("PATH", "")
    versions = sorted(Path(_FOLDERS).glob("*/bin"), reverse=True)
    found = shutil.which(name, path=os.pathsep.join([path, "/usr/sbin", *map(str, versions)]))
    if found is not None:
        return found
    reason = f"{name} is not installed (apt-get install {package})"
    if os.environ.get(_LANE) == "stack":
        pytest.fail(reason)
    pytest.skip(reason)


def as_user(user: str, command: Sequence[str]) -> tuple[str, ...]:
    """Return the command as `user` runs it, where we are root; as we are, otherwise. It stops when its parent dies."""
    if os.getuid() != 0:
        return tuple(command)
    identity = (f"--reuid={user}", f"--regid={user}", "--init-groups", "--pdeathsig=QUIT")
    return ("setpriv", *identity, "--", *command)


def hand_over(folder: Path, user: str) -> None:
    """Give the folder to `user`, where we are root, and let them reach it."""
    if os.getuid() != 0:
        return
    who = pwd.getpwnam(user)
    for one in (folder, *folder.rglob("*")):
        os.chown(one, who.pw_uid, who.pw_gid)
