"""feedback: what people said of reports."""

from __future__ import annotations

from schemas.events import Feedback
from sinks.clickhouse.writers.columns import KEYWORD, TEXT, RowPerEvent, plain

__all__ = ["FEEDBACK"]

FEEDBACK = RowPerEvent(
    "feedback",
    Feedback,
    plain(TEXT, "investigation_id", "comment", "by"),
    plain("Int32", "score"),
    plain(KEYWORD, "actual_service"),
)
