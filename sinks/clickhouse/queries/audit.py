"""Who did what, and was it allowed."""

from __future__ import annotations

from schemas.events import Audit
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, both, bounds, maybe_equal
from sinks.clickhouse.query import Answer, Query

__all__ = ["list_audit"]

_LIST = """SELECT event_id, tenant, occurred_at, principal, action, resource, allowed, reason
FROM audit FINAL
WHERE {where}
ORDER BY occurred_at DESC, event_id
LIMIT {{limit:UInt64}}"""


async def list_audit(
    clickhouse: ClickHouse, scope: Scope, *, principal: str = "", action: str = "", limit: int = 1_000
) -> Answer[Audit]:
    """Return what was done, or tried, newest first; by one principal or of one action where they are given."""
    chosen = (maybe_equal("principal", principal), maybe_equal("action", action))
    where = both(bounds(scope, "occurred_at"), *chosen)
    query = Query("list_audit", _LIST.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(Audit.model_validate(row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)
