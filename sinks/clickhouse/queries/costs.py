"""What investigations cost: figures that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from schemas.events import CostKind
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Condition, WideScope, among, both, maybe_equal
from sinks.clickhouse.queries.day_pieces import day_pieces
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

# Each piece is read from the smallest projection of the ledger that can tell it (0007_cost_sums.up.sql).
_PIECE: Final = """SELECT {key} AS key, count() AS posted, countIf(isNull(cost_nano_usd)) AS without_price,
      sum(cost_nano_usd) AS nano_usd, sum(input_uncached) AS uncached, sum(cache_read) AS read,
      sum(cache_write) AS write, sum(output) AS out, sum(reasoning) AS thought, sum(rows_read) AS rows,
      sum(duration_ms) AS ms
    FROM costs
    WHERE {where}
    GROUP BY key"""

# The total must survive the limit, and is read last.
_COSTS: Final = """SELECT *
FROM (
  SELECT key, grouping(key) AS below_all, sum(posted) AS entries, sum(without_price) AS unpriced,
    sum(nano_usd) AS cost_nano_usd, sum(uncached) AS input_uncached_tokens, sum(read) AS cache_read_tokens,
    sum(write) AS cache_write_tokens, sum(out) AS output_tokens, sum(thought) AS reasoning_tokens,
    sum(rows) AS rows_read, sum(ms) AS duration_ms
  FROM (
    {pieces}
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
    found = await clickhouse.query(_query(dimension, scope, only or CostFilter(), limit))
    groups = tuple(_group(row) for row in found.rows if not row["below_all"])
    totals = [_group(row) for row in found.rows if row["below_all"]]
    truncated = len(groups) >= limit and sum(one.entries for one in groups) < totals[0].entries
    return CostReport(groups, totals[0] if totals else _NOTHING, found.info, truncated)


def _query(dimension: CostDimension, scope: WideScope, only: CostFilter, limit: int) -> Query:
    of_all = both(among("tenant", scope.tenants), *_filters(only))
    parts = [both(of_all, part) for part in day_pieces(scope.start, scope.end, "occurred_at")]
    pieces = [_PIECE.format(key=_EXPRESSIONS[dimension], where=part.sql) for part in parts]
    sql = _COSTS.format(pieces="\n    UNION ALL\n    ".join(pieces))
    parameters = {name: value for part in parts for name, value in part.parameters.items()}
    return Query(f"costs_by_{dimension.value}", sql, {**parameters, "limit": limit + 1})


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
