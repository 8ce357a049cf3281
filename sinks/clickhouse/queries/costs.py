"""What investigations cost: figures that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from schemas.events import CostKind
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Condition, WideScope, both, maybe_equal, wide_bounds
from sinks.clickhouse.query import Query, QueryInfo

__all__ = ["CostDimension", "CostFilter", "CostGroup", "CostReport", "costs_by"]


class CostDimension(StrEnum):
    """What costs can be grouped by."""

    TENANT = "tenant"
    SERVICE = "service"
    ALARM = "alarm"
    MODEL = "model"
    STEP = "step"
    DAY = "day"
    KIND = "kind"
    INVESTIGATION = "investigation_id"


_EXPRESSIONS: Final[Mapping[CostDimension, str]] = {
    **{dimension: dimension.value for dimension in CostDimension},
    CostDimension.DAY: "toString(toDate(occurred_at))",
}


@dataclass(frozen=True, slots=True)
class CostFilter:
    """Entries that agree with every field that is not empty."""

    service: str = ""
    alarm: str = ""
    model: str = ""
    step: str = ""
    kind: CostKind | None = None
    investigation_id: str = ""
    incident_id: str = ""


@dataclass(frozen=True, slots=True)
class CostGroup:
    """The entries of one value of the dimension; `key` is empty where the entries have none.

    `cost_nano_usd` (integer 10^-9 USD) is the sum of the priced entries, None where there is none; `unpriced`
    entries have no known cost and are not in it. Each kind of tokens is None where no entry knows it.
    """

    key: str
    entries: int
    unpriced: int
    cost_nano_usd: int | None
    tokens: Mapping[str, int | None]
    rows_read: int | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """Groups, the dearest first, and the total of them all from the same reading of the table.

    `truncated`: there are more groups than were asked for; the total has them.
    """

    groups: tuple[CostGroup, ...]
    total: CostGroup
    info: QueryInfo = field(compare=False)
    truncated: bool = False


_TOKENS: Final = ("input_uncached", "cache_read", "cache_write", "output", "reasoning")

# The total must survive the limit, and is read last.
_COSTS: Final = """SELECT *
FROM (
  SELECT key, grouping(key) AS below_all, count() AS entries, countIf(isNull(nano_usd)) AS unpriced,
    sum(nano_usd) AS cost_nano_usd, sum(input_uncached) AS input_uncached_tokens, sum(cache_read) AS cache_read_tokens,
    sum(cache_write) AS cache_write_tokens, sum(output) AS output_tokens, sum(reasoning) AS reasoning_tokens,
    sum(rows) AS rows_read, sum(ms) AS duration_ms
  FROM (
    SELECT {key} AS key, cost_nano_usd AS nano_usd, input_uncached, cache_read, cache_write, output, reasoning,
      rows_read AS rows, duration_ms AS ms
    FROM costs FINAL
    WHERE {where}
  )
  GROUP BY GROUPING SETS ((key), ())
  ORDER BY below_all DESC, cost_nano_usd DESC NULLS LAST, key
  LIMIT {{limit:UInt64}}
)
ORDER BY below_all, cost_nano_usd DESC NULLS LAST, key
SETTINGS force_grouping_standard_compatibility = 1"""


async def costs_by(
    clickhouse: ClickHouse,
    dimension: CostDimension,
    scope: WideScope,
    only: CostFilter | None = None,
    limit: int = 100_000,
) -> CostReport:
    """Return what the entries of the scope cost, by one dimension, in at most `limit` groups that add up to the total."""
    where = both(wide_bounds(scope, "occurred_at"), *_filters(only or CostFilter()))
    sql = _COSTS.format(key=_EXPRESSIONS[dimension], where=where.sql)
    parameters = {**where.parameters, "limit": limit + 1}
    found = await clickhouse.query(Query(f"costs_by_{dimension.value}", sql, parameters))
    groups = tuple(_group(row) for row in found.rows if not row["below_all"])
    totals = [_group(row) for row in found.rows if row["below_all"]]
    truncated = len(groups) >= limit and sum(one.entries for one in groups) < totals[0].entries
    return CostReport(groups, totals[0] if totals else _NOTHING, found.info, truncated)


_NOTHING = CostGroup("", 0, 0, None, dict.fromkeys(_TOKENS), None, 0)


def _filters(only: CostFilter) -> list[Condition]:
    texts = ("service", "alarm", "model", "step", "investigation_id", "incident_id")
    kind = maybe_equal("kind", only.kind.value if only.kind else "")
    return [kind, *(maybe_equal(name, getattr(only, name)) for name in texts)]


def _group(row: Mapping[str, Any]) -> CostGroup:
    return CostGroup(
        key=row["key"],
        entries=row["entries"],
        unpriced=row["unpriced"],
        cost_nano_usd=row["cost_nano_usd"],
        tokens={kind: row[f"{kind}_tokens"] for kind in _TOKENS},
        rows_read=row["rows_read"],
        duration_ms=row["duration_ms"],
    )
