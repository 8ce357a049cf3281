"""What one investigation asked, said and found, with the place of each event in the log: to follow it and go on live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import NotFoundError
from schemas.events import Event, Evidence, InvestigationRequested, InvestigationStatus, Report
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.pages import LIMITS
from sinks.clickhouse.query import Parameter, Query

__all__ = ["LoggedEvent", "get_request", "investigation_log"]


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event, its topic's bare name, and its offset; -1 where it stood in an earlier log."""

    topic: str
    offset: int
    event: Event


_LOG: Final = """SELECT {columns}, if(_epoch = {{epoch:String}}, _offset, -1) AS place
FROM {table} FINAL
WHERE tenant = {{tenant:String}} AND investigation_id = {{investigation_id:String}}
ORDER BY place, occurred_at, _offset
LIMIT {{limit:UInt64}}
{limits}"""

_REQUEST: Final = f"""SELECT document
FROM investigation_requests FINAL
WHERE tenant = {{tenant:String}} AND investigation_id = {{investigation_id:String}} AND kind != 'cancel'
ORDER BY requested_at DESC
LIMIT 1
{LIMITS}"""  # noqa: S608 - put together from constants

_Make = Callable[[Mapping[str, Any]], Event]


def _of_columns(kind: type[Event]) -> _Make:
    names = tuple(kind.model_fields)
    return lambda row: kind.model_validate({name: row[name] for name in names})


def _report(row: Mapping[str, Any]) -> Event:
    return Report.model_validate_json(row["document"])


_SOURCES: Final[tuple[tuple[type[Event], str, str, _Make], ...]] = (
    (
        InvestigationStatus,
        "investigation_status",
        ", ".join(InvestigationStatus.model_fields),
        _of_columns(InvestigationStatus),
    ),
    (Evidence, "evidence", ", ".join(Evidence.model_fields), _of_columns(Evidence)),
    (Report, "reports", "document", _report),
)


async def investigation_log(
    clickhouse: ClickHouse, *, tenant: str, investigation_id: str, epoch: str, limit: int = 10_000
) -> tuple[LoggedEvent, ...]:
    """Return the status, evidence and report events of one investigation, in order of the log within each topic.

    At most `limit` of each topic. `epoch` names today's log.
    """
    parameters: dict[str, Parameter] = {"tenant": tenant, "investigation_id": investigation_id}
    parameters |= {"epoch": epoch, "limit": limit}

    async def one(kind: type[Event], table: str, columns: str, make: _Make) -> list[LoggedEvent]:
        sql = _LOG.format(columns=columns, table=table, limits=LIMITS)
        found = await clickhouse.query(Query(f"investigation_log_{table}", sql, parameters))
        return [LoggedEvent(kind.TOPIC, row["place"], make(row)) for row in found.rows]

    topics = await asyncio.gather(*(one(*source) for source in _SOURCES))
    return tuple(event for topic in topics for event in topic)


async def get_request(
    clickhouse: ClickHouse, *, tenant: str, investigation_id: str
) -> InvestigationRequested:
    """Return the request that began the investigation. Raises NotFoundError."""
    parameters: dict[str, Parameter] = {"tenant": tenant, "investigation_id": investigation_id}
    found = await clickhouse.query(Query("get_request", _REQUEST, parameters))
    if not found.rows:
        raise NotFoundError(f"{tenant} has no investigation {investigation_id}")
    return InvestigationRequested.model_validate_json(found.rows[0]["document"])
