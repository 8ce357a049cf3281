"""evidence: one finding of one step of an investigation."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from schemas import ids
from schemas.events.base import Event, Instant, Name, Text

__all__ = ["Evidence"]


class Evidence(Event):
    """One finding: what was seen, where, how strong, and the query that shows it again."""

    TOPIC: ClassVar[str] = "evidence"
    TYPE: ClassVar[str] = "io.tocsin.evidence"

    investigation_id: str
    incident_id: str
    step: Name
    """The gathering agent: alarms, kpis, logs, changes, topology, knowledge."""
    finding: Name
    """The finding's subject: unique within the step, for example `cart|cpu_usage|level_shift`."""
    kind: Name
    """The finding's kind: level_shift, first_alarm, new_log_template, recent_change, no_data, ..."""
    service: str = ""
    indicator: str = ""
    statement: Text
    """A sentence a person can read; every number in it occurs in `data`."""
    score: float | None = None
    """Robust, unit-free strength: 0 nothing, about 1 just notable; None where strength has no meaning."""
    direction: Annotated[int, Field(ge=-1, le=1)] = 0
    onset: Instant | None = None
    window_start: Instant
    window_end: Instant
    data_fresh_until: Instant | None = None
    """The landed watermark of what was read: later data was not seen. None where it is not known."""
    query: Text = ""
    """The SQL that shows the data, with its parameters filled in."""
    data: Text = "{}"
    """A JSON object with the figures behind the statement."""

    def derive_id(self) -> str:
        return ids.evidence_id(self.investigation_id, self.step, self.finding)

    @property
    def key(self) -> str:
        return self.investigation_id

    @property
    def subject(self) -> str:
        return self.service or self.investigation_id
