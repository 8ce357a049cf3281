"""What became of one source of a runbook: read, known to be unchanged, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from infra.cli.runbooks.page import Page
from schemas.ids import stable_id

__all__ = ["Found", "Read", "Refused", "Unchanged", "runbook_id"]


@dataclass(frozen=True, slots=True)
class Read:
    """It was read. `source` is what people call it: a path, an address."""

    source: str
    name: str
    """The runbook's id: the same for the same source."""
    page: Page


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Its server says that it is as it was read the last time."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    source: str
    why: str


Found: TypeAlias = Read | Unchanged | Refused


def runbook_id(collection: str, source: str) -> str:
    """Return the id of the runbook of this source."""
    return stable_id("rbk", "import", collection, source)
