"""costs: the ledger."""

from __future__ import annotations

from schemas.events import CostEntry
from sinks.clickhouse.writers.columns import (
    BOOL,
    INT,
    KEYWORD,
    MAYBE_INT,
    TEXT,
    Column,
    RowPerEvent,
    computed,
    enum,
    plain,
)

__all__ = ["COSTS", "USAGE"]

USAGE = ("input_uncached", "cache_read", "cache_write", "output", "reasoning")
"""Disjoint kinds of tokens, each a column."""


def _tokens(kind: str) -> tuple[Column, ...]:
    return computed(kind, MAYBE_INT, lambda entry: getattr(entry.usage, kind))


COSTS = RowPerEvent(
    "costs",
    CostEntry,
    plain(TEXT, "investigation_id", "incident_id"),
    plain(KEYWORD, "service", "alarm", "step", "provider", "model", "price_version", "outcome"),
    enum("kind"),
    *(_tokens(kind) for kind in USAGE),
    plain(INT, "attempt", "duration_ms"),
    plain(MAYBE_INT, "cost_nano_usd", "rows_read"),
    plain(BOOL, "estimated"),
)
