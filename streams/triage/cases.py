"""An incident as correlation works on it, and why something happens to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from streams.triage.incidents import Head, Member

__all__ = ["Case", "Cause"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens: its event time, our time, its trace."""

    occurred_at: datetime
    now: datetime
    trace: str = ""


@dataclass(slots=True)
class Case:
    """An incident as it is worked on: `active` of its `members` (by alarm key) still fire."""

    head: Head
    members: dict[bytes, Member] = field(default_factory=dict)
    active: int = 0
    told_at: datetime | None = None
    """Our time of its last event; None: not known."""

    @property
    def name(self) -> str:
        return self.head.incident_id
