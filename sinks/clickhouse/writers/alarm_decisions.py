"""alarm_decisions: what was decided about each alarm event."""

from __future__ import annotations

from schemas.events import AlarmChanged
from sinks.clickhouse.writers.columns import (
    KEYWORD,
    LABELS,
    MAYBE_FLOAT,
    TEXT,
    RowPerEvent,
    enum,
    instant,
    plain,
)

__all__ = ["ALARM_DECISIONS"]

ALARM_DECISIONS = RowPerEvent(
    "alarm_decisions",
    AlarmChanged,
    plain(TEXT, "alarm_event_id", "reason", "fingerprint", "entity", "host", "indicator", "summary"),
    plain(KEYWORD, "source", "name", "service"),
    enum("decision", "status", "severity"),
    instant("started_at", "decided_at"),
    plain(MAYBE_FLOAT, "value"),
    plain(LABELS, "labels"),
)
