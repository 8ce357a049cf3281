"""What people said of reports."""

from __future__ import annotations

from schemas.events import Feedback
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, both, bounds, maybe_equal
from sinks.clickhouse.query import Answer, Query

__all__ = ["list_feedback"]

_LIST = """SELECT event_id, tenant, occurred_at, investigation_id, score, comment, actual_service, by
FROM feedback FINAL
WHERE {where}
ORDER BY occurred_at DESC, event_id
LIMIT {{limit:UInt64}}"""


async def list_feedback(
    clickhouse: ClickHouse, scope: Scope, *, investigation_id: str = "", limit: int = 1_000
) -> Answer[Feedback]:
    """Return feedback, newest first; of one investigation where it is given."""
    where = both(bounds(scope, "occurred_at"), maybe_equal("investigation_id", investigation_id))
    query = Query("list_feedback", _LIST.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(Feedback.model_validate(row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)
