"""What people said of reports, and how it adds up by tenant, model and kind of fault."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from schemas.events import Feedback
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import (
    Scope,
    WideScope,
    among,
    both,
    bounds,
    equal,
    maybe_equal,
    wide_bounds,
)
from sinks.clickhouse.query import Answer, Query

__all__ = ["FeedbackGroup", "feedback_groups", "latest_feedback", "list_feedback"]

_LIST = """SELECT event_id, tenant, occurred_at, investigation_id, score, comment, actual_service, by
FROM feedback FINAL
WHERE {where}
ORDER BY occurred_at DESC, event_id
LIMIT {{limit:UInt64}}"""

_LATEST = """SELECT event_id, tenant, occurred_at, investigation_id, score, comment, actual_service, by
FROM (
  SELECT *
  FROM feedback
  WHERE {where}
  ORDER BY investigation_id, by, occurred_at DESC, event_id
  LIMIT 1 BY investigation_id, by
)
ORDER BY occurred_at DESC, event_id
LIMIT {{limit:UInt64}}"""

_GROUPS = """SELECT tenant, model, verdict, cause_kind, count() AS answers, avg(score) AS mean_score,
  countIf(score = 100) AS fixed, countIf(score > 0 AND score < 100) AS partly, countIf(score = 0) AS wrong
FROM v_latest_feedback
WHERE {where}
GROUP BY tenant, model, verdict, cause_kind
ORDER BY tenant, model, verdict, cause_kind
LIMIT {{limit:UInt64}}"""


@dataclass(frozen=True, slots=True)
class FeedbackGroup:
    """What people last said of the reports of one tenant, model, verdict and kind of fault.

    `model` is the report's mode: `deterministic`, or the model that wrote it. `mean_score` is from 0 to 100.
    """

    tenant: str
    model: str
    verdict: str
    cause_kind: str
    answers: int
    mean_score: float
    fixed: int
    """Answers of 100: acting on the report fixed it."""
    partly: int
    wrong: int
    """Answers of 0."""


async def list_feedback(
    clickhouse: ClickHouse, scope: Scope, *, investigation_id: str = "", limit: int = 1_000
) -> Answer[Feedback]:
    """Return feedback, newest first; of one investigation where it is given."""
    where = both(bounds(scope, "occurred_at"), maybe_equal("investigation_id", investigation_id))
    query = Query("list_feedback", _LIST.format(where=where.sql), {**where.parameters, "limit": limit})
    return await _feedback(clickhouse, query, limit)


async def latest_feedback(
    clickhouse: ClickHouse, *, tenant: str, investigation_ids: Collection[str], limit: int = 1_000
) -> Answer[Feedback]:
    """Return what each person last said of each of the investigations, newest first."""
    where = both(equal("tenant", tenant), among("investigation_id", tuple(sorted(investigation_ids))))
    query = Query("latest_feedback", _LATEST.format(where=where.sql), {**where.parameters, "limit": limit})
    return await _feedback(clickhouse, query, limit)


async def feedback_groups(
    clickhouse: ClickHouse, scope: WideScope, *, limit: int = 1_000
) -> Answer[FeedbackGroup]:
    """Return what people said in [start, end], added up; the last word of each person on each investigation counts."""
    where = wide_bounds(scope, "occurred_at")
    query = Query("feedback_groups", _GROUPS.format(where=where.sql), {**where.parameters, "limit": limit})
    found = await clickhouse.query(query)
    rows = tuple(FeedbackGroup(**row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)


async def _feedback(clickhouse: ClickHouse, query: Query, limit: int) -> Answer[Feedback]:
    found = await clickhouse.query(query)
    rows = tuple(Feedback.model_validate(row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit)
