"""Alarms with the decisions taken on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.events import AlarmStatus, Decision, Severity
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope, among, both, bounds
from sinks.clickhouse.query import Answer, Limit, Query

__all__ = ["ALARMS_ONCE", "WITH_DECISIONS", "AlarmRow", "TakenDecision", "alarm_row", "alarm_window"]

_MOST: Final = Limit(20_000)


@dataclass(frozen=True, slots=True)
class TakenDecision:
    decided_at: datetime
    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One alarm event; `messages` is how often its source sent it, `decisions` are in the order they were taken."""

    event_id: str
    occurred_at: datetime
    source: str
    fingerprint: str
    name: str
    service: str
    status: AlarmStatus
    severity: Severity
    started_at: datetime
    entity: str
    host: str
    indicator: str
    value: float | None
    summary: str
    labels: Mapping[str, str]
    messages: int
    decisions: tuple[TakenDecision, ...]


ALARMS_ONCE: Final = """SELECT event_id, occurred_at, source, fingerprint, name, service, status, severity, started_at,
    entity, host, indicator, value, summary, labels, count() OVER (PARTITION BY event_id) AS messages
  FROM alarms
  WHERE {where}
  ORDER BY occurred_at, event_id, landed_at, _offset
  LIMIT 1 BY event_id"""
"""An alarm and its repeats have one id; the first message says what it was."""

WITH_DECISIONS: Final = """WITH seen AS (
  {alarms}
), decided AS (
  SELECT alarm_event_id, arraySort(groupArray((decided_at, decision, reason))) AS decisions
  FROM alarm_decisions FINAL
  WHERE tenant = {{tenant:String}} AND alarm_event_id IN (SELECT event_id FROM seen)
  GROUP BY alarm_event_id
)
SELECT seen.*, decided.decisions AS decisions
FROM seen LEFT JOIN decided ON decided.alarm_event_id = seen.event_id
ORDER BY {order}"""
"""`alarms` once more, with the decisions taken on them. Takes the parameter `tenant`."""

_FIRST: Final = ALARMS_ONCE + "\n  LIMIT {{limit:UInt64}}"


async def alarm_window(
    clickhouse: ClickHouse,
    scope: Scope,
    *,
    services: Collection[str] | None = None,
    names: Collection[str] | None = None,
    limit: Limit = _MOST,
) -> Answer[AlarmRow]:
    """Return alarm events of one tenant in [start, end], firing and cleared, in order of event time, each once.

    The first so many: what a storm began with tells most.
    """
    where = both(bounds(scope, "occurred_at"), among("service", services), among("name", names))
    parameters = {**where.parameters, "limit": limit.rows}
    sql = WITH_DECISIONS.format(alarms=_FIRST.format(where=where.sql), order="occurred_at, event_id")
    found = await clickhouse.query(Query("alarm_window", sql, parameters, limit.seconds))
    rows = tuple(alarm_row(row) for row in found.rows)
    return Answer(rows, found.info, len(rows) >= limit.rows)


def alarm_row(row: Mapping[str, Any]) -> AlarmRow:
    """Return the alarm of a row that has AlarmRow's columns and no other."""
    closed = {
        "status": AlarmStatus(row["status"]),
        "severity": Severity(row["severity"]),
        "decisions": tuple(TakenDecision(at, Decision(what), why) for at, what, why in row["decisions"]),
    }
    return AlarmRow(**{**row, **closed})
