"""alarms.raw: a source says that this alarm fires or clears; alarms.changed: what was decided about it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from pydantic import model_validator

from schemas import ids
from schemas.events.base import Event, Instant, Labels, Name, Text

__all__ = ["AlarmChanged", "AlarmRaw", "AlarmStatus", "Decision", "Severity"]


class Severity(StrEnum):
    """Perceived severity, ITU-T X.733."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"
    CLEARED = "cleared"


class AlarmStatus(StrEnum):
    FIRING = "firing"
    CLEARED = "cleared"


class Decision(StrEnum):
    """What triage decided about an alarm event. Every valid alarm event has exactly one."""

    OPENED = "opened"
    UPDATED = "updated"
    CLEARED = "cleared"
    DEDUPLICATED = "deduplicated"
    FLAPPING = "flapping"
    SILENCED = "silenced"
    STALE = "stale"


class AlarmRaw(Event):
    """One state of one alarm, as its source tells it."""

    TOPIC: ClassVar[str] = "alarms.raw"
    TYPE: ClassVar[str] = "io.tocsin.alarm.raw"

    source: Name
    """The system that raised it: alertmanager, grafana, detect, ..."""
    fingerprint: Name
    """What makes two messages the same alarm at its source."""
    name: Name
    """The alarm's name, for example `HighErrorRate`."""
    service: Name
    """The service that it is about."""
    status: AlarmStatus = AlarmStatus.FIRING
    severity: Severity = Severity.MAJOR
    started_at: Instant
    """When this firing began; a repeat carries the same start."""
    received_at: Instant | None = None
    """Arrival time, where the intake knows it."""
    entity: str = ""
    """The instance, pod or device within the service."""
    host: str = ""
    """The machine or node the entity runs on."""
    indicator: str = ""
    """The metric of a metric alarm; empty for a symptom alarm."""
    value: float | None = None
    """The measured value that crossed its threshold, in the indicator's unit."""
    summary: Text = ""
    labels: Labels = {}
    url: str = ""
    """Where a person can look at it."""

    @model_validator(mode="before")
    @classmethod
    def _own_no_id(cls, values: object) -> object:
        """An alarm's id always follows from its cause: a sender cannot choose it."""
        return {**values, "event_id": ""} if isinstance(values, dict) else values

    def derive_id(self) -> str:
        return ids.alarm_event_id(
            self.tenant, self.source, self.fingerprint, self.status.value, self.started_at
        )

    @property
    def key(self) -> str:
        return f"{self.tenant}|{self.fingerprint}"

    @property
    def subject(self) -> str:
        return self.service


class AlarmChanged(Event):
    """The decision taken on one alarm event, with what the later stages need to know of the alarm."""

    TOPIC: ClassVar[str] = "alarms.changed"
    TYPE: ClassVar[str] = "io.tocsin.alarm.changed"

    alarm_event_id: str
    """The alarm event decided upon."""
    decision: Decision
    reason: Text = ""
    """Why, in one sentence, where it is not plain from the decision."""
    source: Name
    fingerprint: Name
    name: Name
    service: Name
    status: AlarmStatus
    severity: Severity
    started_at: Instant
    decided_at: Instant
    """Processing time of the decision."""
    entity: str = ""
    host: str = ""
    indicator: str = ""
    value: float | None = None
    summary: Text = ""
    labels: Labels = {}

    def derive_id(self) -> str:
        return ids.decision_id(self.alarm_event_id, self.decision.value)

    @property
    def subject(self) -> str:
        return self.service
