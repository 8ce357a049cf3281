"""An entry of the ledger stands as it was first landed.

An investigation that goes on after a crash may publish an entry again, under the same id and at another offset. The
engine would make one of both, but only at some later merge; sums that are kept with the entries must be right at once. So
what the ledger has is not landed again. Nobody else lands it meanwhile: entries of one investigation share a partition,
and one lander at a time holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.events import CostEntry
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.query import Query
from sinks.ports import LandedMessage

__all__ = ["unposted"]

_POSTED: Final = """SELECT tenant, event_id
FROM costs
WHERE tenant IN {tenants:Array(String)} AND investigation_id IN {investigations:Array(String)}
  AND event_id IN {ids:Array(String)}"""


async def unposted(clickhouse: ClickHouse, messages: Sequence[LandedMessage]) -> tuple[LandedMessage, ...]:
    """Return the first message of each entry that is not in the ledger yet, in their order.

    Every event is a CostEntry. Raises what `failures.translated` names.
    """
    first: dict[tuple[str, str], LandedMessage] = {}
    for message in messages:
        first.setdefault((message.event.tenant, message.event.event_id), message)
    posted = await _posted(clickhouse, [message.event for message in first.values()])
    return tuple(message for name, message in first.items() if name not in posted)


async def _posted(clickhouse: ClickHouse, events: Sequence[object]) -> frozenset[tuple[str, str]]:
    entries = [event for event in events if isinstance(event, CostEntry)]
    parameters = {
        "tenants": tuple({entry.tenant for entry in entries}),
        "investigations": tuple({entry.investigation_id for entry in entries}),
        "ids": tuple({entry.event_id for entry in entries}),
    }
    found = await clickhouse.query(Query("posted_costs", _POSTED, parameters))
    return frozenset((row["tenant"], row["event_id"]) for row in found.rows)
