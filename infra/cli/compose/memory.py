"""What investigations may know of the past and of how fresh their data is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agents.analysis.findings import Source
from agents.ports import Fetched, Landed, Trouble
from infra.cli.compose.focus import of_the_past
from infra.runtime.clock import SystemClock
from infra.runtime.redis import RedisWatermarks
from schemas.errors import NotFoundError
from schemas.events import AlarmRaw, ChangeRaw, Feedback, KpiBatch, LogBatch, Report, Verdict
from schemas.topics import topic_of
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.feedback import latest_feedback
from sinks.clickhouse.queries.incidents import incident_spans
from sinks.clickhouse.queries.reports import get_report, incident_history
from sinks.clickhouse.queries.windows import WatermarkTable, watermark

__all__ = ["ClickHouseFreshness", "ClickHouseHistory"]

_MEMORY = timedelta(days=90)
_TROUBLE = (Verdict.CAUSE_FOUND, Verdict.INCONCLUSIVE)
_LOOK_BACK = timedelta(hours=6)
_AHEAD = timedelta(minutes=10)

_TABLES: Mapping[Source, tuple[WatermarkTable, str, int]] = {
    Source.KPIS: ("kpis", KpiBatch.TOPIC, topic_of(KpiBatch).partitions),
    Source.LOGS: ("logs", LogBatch.TOPIC, topic_of(LogBatch).partitions),
    Source.CHANGES: ("changes", ChangeRaw.TOPIC, topic_of(ChangeRaw).partitions),
    Source.ALARMS: ("alarms", AlarmRaw.TOPIC, topic_of(AlarmRaw).partitions),
}


class ClickHouseHistory:
    """Satisfies agents.ports.History."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def report(self, tenant: str, investigation_id: str) -> Report | None:
        try:
            return await get_report(self._clickhouse, tenant=tenant, investigation_id=investigation_id)
        except NotFoundError:
            return None

    async def reports_about(
        self, tenant: str, services: Sequence[str], before: datetime, limit: int
    ) -> Fetched[Report]:
        scope = Scope(tenant, before - _MEMORY, before)
        found = await incident_history(self._clickhouse, scope, services=services, limit=limit)
        reports = tuple(row.report for row in found.rows)
        took = round(found.info.duration_ms)
        return Fetched(reports, found.info.sql, found.info.rows_read, took, focus=of_the_past(tenant))

    async def troubles(
        self, tenant: str, services: Sequence[str], start: datetime, end: datetime
    ) -> Fetched[Trouble]:
        scope = Scope(tenant, start, end)
        found = await incident_spans(self._clickhouse, scope, services=services, verdicts=_TROUBLE)
        troubles = tuple(Trouble(row.incident_id, row.opened_at, row.over_at) for row in found.rows)
        return Fetched(troubles, found.info.sql, found.info.rows_read, round(found.info.duration_ms))

    async def feedback(self, tenant: str, investigation_ids: Sequence[str]) -> tuple[Feedback, ...]:
        if not investigation_ids:
            return ()
        found = await latest_feedback(self._clickhouse, tenant=tenant, investigation_ids=investigation_ids)
        return found.rows


class ClickHouseFreshness:
    """Satisfies agents.ports.Freshness: event time from the tables, the caught-up time from the landers."""

    def __init__(self, clickhouse: ClickHouse, watermarks: RedisWatermarks, clock: SystemClock) -> None:
        self._clickhouse = clickhouse
        self._watermarks = watermarks
        self._clock = clock

    async def landed_until(self, tenant: str, sources: Sequence[Source]) -> Mapping[Source, Landed]:
        return {source: await self._landed(tenant, source) for source in sources if source in _TABLES}

    async def _landed(self, tenant: str, source: Source) -> Landed:
        table, topic, partitions = _TABLES[source]
        now = self._clock.now()
        scope = Scope(tenant, now - _LOOK_BACK, now + _AHEAD)
        return Landed(
            event_time=await watermark(self._clickhouse, scope, table),
            caught_up_to=await self._watermarks.caught_up_to(topic, partitions),
        )
