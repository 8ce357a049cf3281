"""changes: deploys, config, flag and scale changes."""

from __future__ import annotations

from schemas.events import ChangeRaw
from sinks.clickhouse.writers.columns import KEYWORD, LABELS, TEXT, RowPerEvent, enum, plain

__all__ = ["CHANGES"]

CHANGES = RowPerEvent(
    "changes",
    ChangeRaw,
    plain(KEYWORD, "source", "service"),
    enum("kind"),
    plain(TEXT, "title", "version", "author", "url"),
    plain(LABELS, "labels"),
)
