"""investigations.requested and investigations.status: what shall be investigated, and how far it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas import ids
from schemas.events.base import Event, Instant, Name, Text
from schemas.events.incident import Incident

__all__ = ["InvestigationRequested", "InvestigationState", "InvestigationStatus", "RequestKind"]


class RequestKind(StrEnum):
    """Why this message exists. A `cancel` names the same investigation as the request that it takes back."""

    TRIGGER = "trigger"
    RECURRENCE = "recurrence"
    MANUAL = "manual"
    CANCEL = "cancel"


class InvestigationRequested(Event):
    """Investigate this incident, because of that policy, at this priority."""

    TOPIC: ClassVar[str] = "investigations.requested"
    TYPE: ClassVar[str] = "io.tocsin.investigation.requested"

    investigation_id: str
    incident: Incident
    """The incident as it was when the request was made."""
    kind: RequestKind = RequestKind.TRIGGER
    policy: Name
    """`name@version` of the policy that decided."""
    reason: Text = ""
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    """100 is most urgent."""
    observe_s: Annotated[float, Field(ge=0)] = 20.0
    """How much event time after the first alarm to wait for and look at, in seconds."""
    looked_until: Instant | None = None
    """Event time up to which an earlier investigation of this incident has looked: alarms since then are the news."""
    baseline_s: Annotated[float, Field(gt=0)] | None = None
    """How much normal time to compare with, in seconds; None leaves it to the worker."""
    lead_s: Annotated[float, Field(ge=0)] | None = None
    """How long before the first alarm the fault may have begun, in seconds; None leaves it to the worker."""
    not_before: Instant | None = None
    """Deferred until then; None is now."""
    recurrence_of: str = ""
    """An earlier investigation of the same alarm pattern, whose answer is checked first."""
    requested_at: Instant

    def derive_id(self) -> str:
        return ids.stable_id("req", self.investigation_id, self.kind.value)

    @property
    def key(self) -> str:
        return f"{self.tenant}|{self.incident.incident_id}"

    @property
    def subject(self) -> str:
        return self.investigation_id


class InvestigationState(StrEnum):
    QUEUED = "queued"
    DEFERRED = "deferred"
    RUNNING = "running"
    WAITING = "waiting"
    RESUMED = "resumed"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class InvestigationStatus(Event):
    """State and progress of one investigation."""

    TOPIC: ClassVar[str] = "investigations.status"
    TYPE: ClassVar[str] = "io.tocsin.investigation.status"

    investigation_id: str
    incident_id: str
    state: InvestigationState
    step: str = ""
    """The node that has just finished or is waiting; empty outside the graph."""
    message: Text = ""
    progress: Annotated[float, Field(ge=0, le=1)] = 0.0
    attempt: Annotated[int, Field(ge=1)] = 1
    """1, and one more each time a worker takes it up again."""
    worker: str = ""

    def derive_id(self) -> str:
        return ids.status_id(self.investigation_id, self.state.value, self.step, self.attempt)

    @property
    def key(self) -> str:
        return self.investigation_id

    @property
    def subject(self) -> str:
        return self.investigation_id
