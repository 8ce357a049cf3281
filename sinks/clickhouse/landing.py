"""Batches of messages into their tables, each message exactly once."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.errors import InvalidRequestError
from schemas.events import CostEntry
from schemas.metrics import LANDED_ROWS, NullRecorder, Recorder
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.ledger import unposted
from sinks.clickhouse.writers import WRITERS, Stamp
from sinks.ports import Clock, LandedMessage, Retention

__all__ = ["ClickHouseLanding", "FixedRetention"]

_DAY_S = 86_400
_LAST_SECOND = 2**32 - 1


class FixedRetention:
    """Every tenant's rows are kept equally long."""

    def __init__(self, days: int) -> None:
        self._days = days

    async def days(self, tenant: str) -> int:  # noqa: ARG002 - the same for all
        return self._days


class ClickHouseLanding:
    """Lands topics in ClickHouse.

    `epoch` names the incarnation of the log: offsets of a log that was lost and begun anew start at 0 again, and
    without another epoch its tokens would look like repeats and its rows would silently not be stored.
    """

    def __init__(
        self,
        clickhouse: ClickHouse,
        retention: Retention,
        clock: Clock,
        *,
        recorder: Recorder | None = None,
        epoch: str = "",
    ) -> None:
        self._clickhouse = clickhouse
        self._retention = retention
        self._clock = clock
        self._recorder = recorder or NullRecorder()
        self._epoch = epoch

    async def insert(self, topic: str, messages: Sequence[LandedMessage], token: str) -> None:
        """Insert all rows of the messages or none, durably, by one insert; a token seen before inserts nothing.

        A cost entry whose id has landed before is left out: the ledger keeps the first.

        Args:
            topic: the bare name; every message's event is of the topic's class.
            messages: in offset order, at least one.
            token: `topic:partition:first-last`; the same token always comes with the same messages.

        Raises:
            RetryableError: not stored as far as is known: repeat the call with the same token.
            InvalidRequestError: a topic without a table, or no messages.
            InvalidEventError: a value that its column cannot hold.
            ConfigurationError: credentials or tables are not what they must be.
        """
        writer = WRITERS.get(topic)
        if writer is None or not messages:
            raise InvalidRequestError(f"nothing can be landed from {topic!r} with {len(messages)} messages")
        if topic == CostEntry.TOPIC:
            messages = await unposted(self._clickhouse, messages)
            if not messages:
                return
        columns = writer.columns(messages, await self._stamp(messages))
        await self._clickhouse.insert(
            writer.table, columns, f"{self._epoch}/{token}" if self._epoch else token
        )
        self._recorder.count(LANDED_ROWS, columns.rows, table=writer.table)

    async def _stamp(self, messages: Sequence[LandedMessage]) -> Stamp:
        now = self._clock.now().timestamp()
        tenants = {message.event.tenant for message in messages}
        return Stamp(
            landed_at_ms=round(now * 1000),
            expires_at={tenant: await self._expiry(tenant, now) for tenant in tenants},
            epoch=self._epoch,
        )

    async def _expiry(self, tenant: str, now: float) -> int:
        # From landing, not from event time: a replayed past must not vanish while it is being looked at.
        return min(int(now) + await self._retention.days(tenant) * _DAY_S, _LAST_SECOND)
