"""What a benchmark's processes spent their time on, sampled from outside by py-spy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

__all__ = ["command_under_spy", "own_time", "profile_text"]

_RATE_HZ = 100
_FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^:()]+)(?::\d+)?\)$")
_TOP = 25


def command_under_spy(command: list[str], samples: Path) -> list[str]:
    """The command, with all Python processes it starts sampled into a file of collapsed stacks.

    py-spy slows what it samples a little: figures come from a run without it.
    """
    spy = ["py-spy", "record", "--subprocesses", "--nonblocking", "--rate", str(_RATE_HZ), "--format", "raw"]
    return [*spy, "--output", str(samples), "--", *command]


def own_time(lines: Iterable[str]) -> Counter[tuple[str, str]]:
    """Samples by the function and file that ran, its callees not counted.

    Args:
        lines: collapsed stacks, outermost first: "frame;frame;frame count", a frame "function (file:line)".
    """
    samples: Counter[tuple[str, str]] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        told = _FRAME.match(stack.rpartition(";")[2])
        if told and count.isdigit():
            samples[told["function"], told["file"]] += int(count)
    return samples


def profile_text(lines: Iterable[str]) -> str:
    """A table of where the time went: share of all samples, function, file."""
    samples = own_time(lines)
    total = sum(samples.values())
    if not total:
        return "no samples\n"
    rows = [
        f"{count / total:6.1%}  {function}  {_short(file)}"
        for (function, file), count in samples.most_common(_TOP)
    ]
    return "\n".join([f"own time of {total} samples at {_RATE_HZ} Hz, all Python processes", *rows, ""])


def _short(file: str) -> str:
    """The path from the package on: where a library is installed says nothing."""
    return file.partition("site-packages/")[2] or file
