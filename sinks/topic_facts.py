"""What the messages of all topics say that others must agree with, gathered while they are read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    Event,
    Evidence,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    Report,
    RequestKind,
)
from sinks.checks import Place
from sinks.citations import cited_evidence

__all__ = ["TopicFacts"]


@dataclass(slots=True)
class TopicFacts:
    """Ids by what they are about. Grows by one entry per event of the topics that name others."""

    alarms: dict[str, set[Place]] = field(default_factory=dict)
    """Where each alarm event id is in alarms.raw; a repeat has the same id."""
    decided: set[str] = field(default_factory=set)
    requested: set[str] = field(default_factory=set)
    states: dict[str, set[InvestigationState]] = field(default_factory=dict)
    evidence: set[str] = field(default_factory=set)
    citations: dict[str, frozenset[str]] = field(default_factory=dict)
    """What each report cites."""

    def note(self, event: Event, place: Place) -> None:
        """Take in one event; topics that name nobody else say nothing here."""
        match event:
            case AlarmRaw():
                self.alarms.setdefault(event.event_id, set()).add(place)
            case AlarmChanged():
                self.decided.add(event.alarm_event_id)
            case InvestigationRequested() if event.kind is not RequestKind.CANCEL:
                self.requested.add(event.investigation_id)
            case InvestigationStatus():
                self.states.setdefault(event.investigation_id, set()).add(event.state)
            case Evidence():
                self.evidence.add(event.event_id)
            case Report():
                self.citations[event.event_id] = cited_evidence(event)
            case _:
                pass

    def valid_alarms(self, buried: Collection[Place]) -> frozenset[str]:
        """Alarm event ids with at least one message that was not dead-lettered."""
        return frozenset(alarm for alarm, places in self.alarms.items() if not places <= set(buried))

    def cited(self) -> frozenset[str]:
        """Every evidence id that any report cites."""
        return frozenset(one for ids in self.citations.values() for one in ids)
