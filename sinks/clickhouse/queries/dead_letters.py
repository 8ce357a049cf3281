"""What could not be handled."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import WideScope, among, both, wide_bounds
from sinks.clickhouse.query import Answer, Query

__all__ = ["DeadLetterRow", "list_dead_letters"]


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """Where a message is that could not be handled, and why; the message itself is in the topic and the table."""

    event_id: str
    tenant: str
    occurred_at: datetime
    source_topic: str
    source_partition: int
    source_offset: int
    stage: str
    reason: str
    detail: str
    retries: int


_LIST = """SELECT event_id, tenant, occurred_at, source_topic, source_partition, source_offset, stage, reason, detail,
  retries
FROM dead_letters FINAL
WHERE {where}
ORDER BY occurred_at DESC, event_id
LIMIT {{limit:UInt64}}"""


async def list_dead_letters(
    clickhouse: ClickHouse,
    scope: WideScope,
    *,
    reasons: Collection[str] | None = None,
    limit: int = 1_000,
) -> Answer[DeadLetterRow]:
    """Return dead letters of the scope, newest first. A message that names no tenant is `unknown`'s."""
    where = both(wide_bounds(scope, "occurred_at"), among("reason", reasons))
    query = Query("list_dead_letters", _LIST.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(DeadLetterRow(**row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)
