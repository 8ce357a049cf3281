"""What a query left out for its limit, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agents.analysis.findings import Finding, FindingKind, Source
from agents.ports import Fetched

__all__ = ["cut_short", "left_out"]

_READ: Final[Mapping[Source, str]] = {
    Source.KPIS: "only the first {read:,} series by name were read",
    Source.LOGS: "one line in {one_in:,}, evenly chosen, was read, and counts are of those",
    Source.CHANGES: "only the latest {read:,} were read",
    Source.ALARMS: "only the first {read:,} were read",
}


def left_out(source: Source, fetched: Fetched[Any]) -> str:
    """Return which part of a cut answer was read, as a clause."""
    part = _READ.get(source, "only the first {read:,} were read")
    return part.format(read=len(fetched.items), one_in=fetched.one_in)


def cut_short(source: Source, fetched: Fetched[Any]) -> Finding:
    """Return the finding that there is more than was read."""
    return Finding(
        source=source,
        kind=FindingKind.NO_DATA,
        service="",
        subject="||cut_short",
        statement=f"There is more of {source} than one query reads: {left_out(source, fetched)}",
        data={"read": len(fetched.items), "one_in": fetched.one_in},
    )
