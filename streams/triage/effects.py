"""What applying alarms to incidents came to: events to publish, state to write."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events import Incident

__all__ = ["Effects", "Transition"]


@dataclass(frozen=True, slots=True)
class Transition:
    """An incident event to publish, and the trace of its cause."""

    event: Incident
    traceparent: str


@dataclass(slots=True)
class Effects:
    """What came of the changes applied: events in order; state to write per partition, heads before members.

    A crash that loses the end of the writes makes us apply those alarms again, to heads that are at least as new.
    """

    transitions: list[Transition] = field(default_factory=list)
    writes: dict[int, dict[bytes, bytes | None]] = field(default_factory=dict)
