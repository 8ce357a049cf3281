"""investigation_status: how far each investigation is."""

from __future__ import annotations

from schemas.events import InvestigationStatus
from sinks.clickhouse.writers.columns import FLOAT, INT, KEYWORD, TEXT, RowPerEvent, enum, plain

__all__ = ["INVESTIGATION_STATUS"]

INVESTIGATION_STATUS = RowPerEvent(
    "investigation_status",
    InvestigationStatus,
    plain(TEXT, "investigation_id", "incident_id", "message", "worker"),
    enum("state"),
    plain(KEYWORD, "step"),
    plain(FLOAT, "progress"),
    plain(INT, "attempt"),
)
