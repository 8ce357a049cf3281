"""investigation_requests: what shall be investigated, and why."""

from __future__ import annotations

from schemas.events import InvestigationRequested
from sinks.clickhouse.writers.columns import (
    FLOAT,
    KEYWORD,
    TEXT,
    RowPerEvent,
    computed,
    enum,
    instant,
    maybe_instant,
    plain,
)

__all__ = ["INVESTIGATION_REQUESTS"]

INVESTIGATION_REQUESTS = RowPerEvent(
    "investigation_requests",
    InvestigationRequested,
    plain(TEXT, "investigation_id", "reason", "recurrence_of"),
    computed("incident_id", TEXT, lambda request: request.incident.incident_id),
    enum("kind"),
    plain(KEYWORD, "policy"),
    plain("Int32", "priority"),
    plain(FLOAT, "observe_s"),
    instant("requested_at"),
    maybe_instant("not_before"),
    computed("document", TEXT, InvestigationRequested.model_dump_json),
)
