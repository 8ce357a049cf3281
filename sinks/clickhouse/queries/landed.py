"""What has landed, by place in the log: for verification, not for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.query import Query

__all__ = [
    "LandedOffset",
    "buried_offsets",
    "existing_evidence",
    "landed_ids",
    "landed_offsets",
    "posted_twice",
]

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class LandedOffset:
    """The rows of one message: `rows` as stored, `places` of them distinct by `_index`."""

    partition: int
    offset: int
    rows: int
    places: int


_OFFSETS = """SELECT _partition, _offset, count() AS rows, uniqExact(_index) AS places
FROM {table}
WHERE _topic = {{topic:String}} AND _epoch = {{epoch:String}}
GROUP BY _partition, _offset"""

_IDS = """SELECT DISTINCT event_id
FROM {table}
WHERE _topic = {{topic:String}} AND event_id IN {{ids:Array(String)}} AND {log}"""

_POSTED_TWICE = """SELECT event_id
FROM costs
GROUP BY tenant, investigation_id, event_id
HAVING count() > 1
ORDER BY event_id
SETTINGS optimize_aggregation_in_order = 1"""

_BURIED = """SELECT source_partition, source_offset, groupUniqArray(stage) AS stages
FROM dead_letters
WHERE source_topic = {topic:String} AND _epoch = {epoch:String}
GROUP BY source_partition, source_offset"""

_EVIDENCE = "SELECT DISTINCT event_id FROM evidence WHERE event_id IN {ids:Array(String)}"


async def landed_offsets(
    clickhouse: ClickHouse, *, table: str, topic: str, epoch: str
) -> tuple[LandedOffset, ...]:
    """Return every message of the topic that has rows in the table, in no order. `table` is one of ours."""
    query = Query("landed_offsets", _OFFSETS.format(table=table), {"topic": topic, "epoch": epoch})
    found = await clickhouse.query(query)
    return tuple(
        LandedOffset(row["_partition"], row["_offset"], row["rows"], row["places"]) for row in found.rows
    )


async def landed_ids(
    clickhouse: ClickHouse, *, table: str, topic: str, epoch: str | None, ids: Collection[str]
) -> frozenset[str]:
    """Return which of the event ids have a row in the table, of this log or (None) of any.

    `table` is one of ours, and has event ids.
    """
    place = {"topic": topic} if epoch is None else {"topic": topic, "epoch": epoch}
    log = "true" if epoch is None else "_epoch = {epoch:String}"
    return await _existing(clickhouse, "landed_ids", _IDS.format(table=table, log=log), place, ids)


async def posted_twice(clickhouse: ClickHouse) -> tuple[str, ...]:
    """Return the entries that the ledger has more than once: until a merge makes one of them, sums count them twice."""
    found = await clickhouse.query(Query("posted_twice", _POSTED_TWICE))
    return tuple(row["event_id"] for row in found.rows)


async def existing_evidence(clickhouse: ClickHouse, ids: Collection[str]) -> frozenset[str]:
    """Return which of the evidence ids have landed."""
    return await _existing(clickhouse, "existing_evidence", _EVIDENCE, {}, ids)


async def buried_offsets(
    clickhouse: ClickHouse, *, topic: str, epoch: str
) -> Mapping[tuple[int, int], frozenset[str]]:
    """Return the topic's messages that were dead-lettered, by partition and offset, with the stages that gave up."""
    found = await clickhouse.query(Query("buried_offsets", _BURIED, {"topic": topic, "epoch": epoch}))
    return {(row["source_partition"], row["source_offset"]): frozenset(row["stages"]) for row in found.rows}


async def _existing(
    clickhouse: ClickHouse, name: str, sql: str, parameters: dict[str, str], ids: Collection[str]
) -> frozenset[str]:
    wanted = sorted(set(ids))
    found: set[str] = set()
    for start in range(0, len(wanted), _BATCH):
        part = tuple(wanted[start : start + _BATCH])
        answer = await clickhouse.query(Query(name, sql, {**parameters, "ids": part}))
        found.update(row["event_id"] for row in answer.rows)
    return frozenset(found)
