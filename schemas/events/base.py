"""What every event has: a name, a tenant, a time, and where it goes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = ["Event", "Instant", "Labels", "Name", "Record", "Text"]


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_utc)]
"""A point in time, UTC, microseconds."""

Name = Annotated[str, Field(min_length=1, max_length=256)]
"""An identifier-like text: a tenant, a service, a metric."""

Text = Annotated[str, Field(max_length=32_768)]
"""Free text, bounded."""

Labels = Annotated[dict[str, str], Field(max_length=64)]
"""Key-value labels, at most 64 of them. Treat as read-only: the models are frozen, the dict is not."""


class Record(BaseModel):
    """A frozen value inside an event."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Event(Record):
    """A frozen fact. Subclasses name their topic and CloudEvents type, and derive their id from their cause."""

    TOPIC: ClassVar[str]
    TYPE: ClassVar[str]

    event_id: str = ""
    """Deterministic name of this event; derived when empty."""
    tenant: Name
    """Whose event it is."""
    occurred_at: Instant
    """Event time: when it happened at its source."""

    @model_validator(mode="after")
    def _identify(self) -> Self:
        if not self.event_id:
            object.__setattr__(self, "event_id", self.derive_id())
        return self

    def derive_id(self) -> str:
        """Return the id that follows from this event's cause."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """What the event is about, for the CloudEvents `subject` header."""
        return self.event_id

    @property
    def key(self) -> str:
        """The Kafka message key: events with the same key keep their order."""
        return self.tenant
