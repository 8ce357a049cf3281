"""What could not be handled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.errors import NotFoundError
from schemas.events import DeadLetter, Header
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import WideScope, among, both, wide_bounds
from sinks.clickhouse.query import Answer, Query

__all__ = ["DeadLetterRow", "get_dead_letter", "list_dead_letters"]


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


# As hexadecimal text: the bytes need not be text, and a client would have to guess.
_GET = """SELECT event_id, tenant, occurred_at, source_topic, source_partition, source_offset, stage, reason, detail,
  retries, hex(message_key) AS key_hex, hex(message_value) AS value_hex, header_names,
  arrayMap(value -> hex(value), header_values) AS headers_hex
FROM dead_letters FINAL
WHERE event_id = {event_id:String}
LIMIT 1"""


async def get_dead_letter(clickhouse: ClickHouse, event_id: str) -> DeadLetter:
    """Return the whole dead letter, the message in it byte by byte. Raises NotFoundError."""
    found = await clickhouse.query(Query("get_dead_letter", _GET, {"event_id": event_id}))
    if not found.rows:
        raise NotFoundError(f"there is no dead letter {event_id}", cure="`tocsin dlq list` shows them.")
    return _letter(found.rows[0])


def _letter(row: Mapping[str, Any]) -> DeadLetter:
    headers = zip(row["header_names"], row["headers_hex"], strict=True)
    shared = {name: row[name] for name in DeadLetter.model_fields if name in row}
    return DeadLetter(
        **shared,
        message_key=_bytes(row["key_hex"]),
        message_value=_bytes(row["value_hex"]),
        headers=tuple(Header(name=name, value=_bytes(value)) for name, value in headers),
    )


def _bytes(hexadecimal: str | None) -> bytes | None:
    return None if hexadecimal is None else bytes.fromhex(hexadecimal)
