"""What is answered about costs."""

from __future__ import annotations

from datetime import datetime

from schemas.events.base import Record

__all__ = ["CostGroupView", "CostReportView"]


class CostGroupView(Record):
    """The ledger entries of one group. Entries without a known price are counted, and never summed as free."""

    key: str
    entries: int
    unpriced: int
    cost_nano_usd: int | None
    """Integer 10^-9 USD: the sum of the priced entries, null where there is none."""
    tokens: dict[str, int | None]
    """By disjoint kinds; null where no entry knows."""
    rows_read: int | None
    duration_ms: int


class CostReportView(Record):
    """Costs by one dimension: the groups add up to the total."""

    by: str
    start: datetime
    end: datetime
    groups: tuple[CostGroupView, ...]
    """The dearest first."""
    total: CostGroupView
    truncated: bool
    """There are more groups than were asked for; the total has them."""
    sql: str
    """The query that shows the same figures."""
