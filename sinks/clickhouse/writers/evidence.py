"""evidence: one finding of one step."""

from __future__ import annotations

from schemas.events import Evidence
from sinks.clickhouse.writers.columns import (
    KEYWORD,
    MAYBE_FLOAT,
    TEXT,
    RowPerEvent,
    instant,
    maybe_instant,
    plain,
)

__all__ = ["EVIDENCE"]

EVIDENCE = RowPerEvent(
    "evidence",
    Evidence,
    plain(TEXT, "investigation_id", "incident_id", "finding", "statement", "query", "data"),
    plain(KEYWORD, "step", "kind", "service", "indicator"),
    plain(MAYBE_FLOAT, "score"),
    plain("Int8", "direction"),
    instant("window_start", "window_end"),
    maybe_instant("onset", "data_fresh_until"),
)
