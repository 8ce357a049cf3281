"""Print the part of a lock that the image installs: run by the Dockerfile, with nothing but the standard library.

`image_lock.py run requirements.lock pyproject.toml`: everything but what only the extra `local` wants (an embedded
broker, ClickHouse and Redis: 0.9 GB that a container never starts). `image_lock.py only NAME requirements.lock`:
one package, for building the wheel.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Pinned", "main", "only", "parse_lock", "without_local"]

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==")
_VIA = re.compile(r"^\s+#(?: via)?\s+(?P<name>[A-Za-z0-9._-]+)")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package of the lock: its lines as they stand, and who wants it."""

    name: str
    text: str
    wanted_by: frozenset[str]


def parse_lock(lines: Iterable[str]) -> Mapping[str, Pinned]:
    """Return the packages of a lock written by uv, by normalised name, in order."""
    blocks: list[list[str]] = []
    for line in lines:
        if _PIN.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return {one.name: one for one in map(_pinned, blocks)}


def without_local(lock: Mapping[str, Pinned], project: Mapping[str, object]) -> list[Pinned]:
    """Return what the project's own dependencies want, directly or not. `project` is its table in pyproject.toml."""
    dependencies = project["dependencies"]
    assert isinstance(dependencies, list)
    wanted = {_own_name(one) for one in dependencies}
    while more := {one.name for one in lock.values() if one.name not in wanted and one.wanted_by & wanted}:
        wanted |= more
    return [one for one in lock.values() if one.name in wanted]


def only(lock: Mapping[str, Pinned], name: str) -> list[Pinned]:
    """Raises KeyError for a package that is not locked."""
    return [lock[_normal(name)]]


def _pinned(block: Sequence[str]) -> Pinned:
    match = _PIN.match(block[0])
    assert match is not None
    wanted_by = (found["name"] for line in block[1:] if (found := _VIA.match(line)))
    text = "\n".join(line for line in block if line.strip() and not line.lstrip().startswith("#"))
    return Pinned(_normal(match["name"]), text, frozenset(map(_normal, wanted_by)) - {"tocsin"})


def _own_name(requirement: str) -> str:
    match = _NAME.match(requirement)
    assert match is not None
    return _normal(match[0])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["run", lock, pyproject]:
            project = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]
            found = without_local(_read(lock), project)
        case ["only", name, lock]:
            found = only(_read(lock), name)
        case _:
            sys.exit(__doc__)
    sys.stdout.write("\n".join(one.text for one in found) + "\n")


def _read(lock: str) -> Mapping[str, Pinned]:
    return parse_lock(Path(lock).read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    main(sys.argv[1:])
