"""audit: who did what, and was it allowed."""

from __future__ import annotations

from schemas.events import Audit
from sinks.clickhouse.writers.columns import BOOL, KEYWORD, TEXT, RowPerEvent, plain

__all__ = ["AUDIT"]

AUDIT = RowPerEvent(
    "audit",
    Audit,
    plain(TEXT, "principal", "resource", "reason"),
    plain(KEYWORD, "action"),
    plain(BOOL, "allowed"),
)
