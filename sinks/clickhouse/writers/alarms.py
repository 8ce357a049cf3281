"""alarms: what sources say."""

from __future__ import annotations

from schemas.events import AlarmRaw
from sinks.clickhouse.writers.columns import (
    KEYWORD,
    LABELS,
    MAYBE_FLOAT,
    TEXT,
    RowPerEvent,
    enum,
    instant,
    maybe_instant,
    plain,
)

__all__ = ["ALARMS"]

ALARMS = RowPerEvent(
    "alarms",
    AlarmRaw,
    plain(KEYWORD, "source", "name", "service"),
    enum("status", "severity"),
    instant("started_at"),
    maybe_instant("received_at"),
    plain(TEXT, "fingerprint", "entity", "host", "indicator", "summary", "url"),
    plain(MAYBE_FLOAT, "value"),
    plain(LABELS, "labels"),
)
