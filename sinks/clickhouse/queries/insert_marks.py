"""Which tables something was inserted into since one looked last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.query import Query

__all__ = ["insert_marks"]

# Every insert makes a part with the next block number of its table; a merge keeps the highest of those it joins.
_MARKS: Final = """SELECT table, max(max_block_number) AS mark
FROM system.parts
WHERE database = currentDatabase() AND active
GROUP BY table
SETTINGS max_threads = 1"""


async def insert_marks(clickhouse: ClickHouse) -> Mapping[str, int]:
    """Return a number by table that changes with each insert, and not by itself; none for a table without rows.

    Deletions by expiry may change it or not. On several replicas it is that of the replica that answers.
    """
    found = await clickhouse.query(Query("insert_marks", _MARKS))
    return {row["table"]: int(row["mark"]) for row in found.rows}
