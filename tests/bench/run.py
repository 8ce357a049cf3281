"""What a benchmark is given."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """A place of its own and the scale to work at."""

    folder: Path
    """Empty at the start and removed at the end."""
    quick: bool = False
    """Show that it works, at a size whose figures mean nothing."""

    def of(self, full: int, quick: int) -> int:
        """The size to work at."""
        return quick if self.quick else full

    def say(self, text: str) -> None:
        """Tell the person waiting what goes on."""
        print(f"    {text}", file=sys.stderr, flush=True)  # noqa: T201 - a command's progress
