"""An incident landed in ClickHouse, looked at by its gathering agents, and the query beside a finding run as it stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from agents.analysis.findings import Source
from agents.analysis.signals import AlarmRecord, ChangeRecord, IncidentData, KpiSeries
from agents.investigation.context import RunContext
from agents.investigation.memory import request_for
from agents.investigation.nodes.gather_alarms import gather_alarms
from agents.investigation.nodes.gather_changes import gather_changes
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.gather_logs import gather_logs
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder
from agents.investigation.state import GatherTask, LookWindow, Span
from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.sql import ControlStore, open_database
from schemas.events import (
    AlarmRaw,
    ChangeKind,
    ChangeRaw,
    Event,
    KpiBatch,
    KpiSamples,
    LogBatch,
    LogLine,
    LogSeverity,
)
from schemas.events.evidence import Evidence
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.query import Query
from tests.fakes.full_events import alarm, change, kpis, logs
from tests.fakes.incident_ports import context_for
from tests.integration.sinks.samples import land

__all__ = ["Shop", "instant", "window_of"]

_AGENTS: Final[Mapping[Source, Callable[[GatherOrder, RunContext], Awaitable[GatherDelta]]]] = {
    Source.KPIS: gather_kpis,
    Source.LOGS: gather_logs,
    Source.ALARMS: gather_alarms,
    Source.CHANGES: gather_changes,
}


def batch_of(series: KpiSeries, tenant: str) -> KpiBatch:
    samples = KpiSamples(
        metric=series.metric,
        labels=dict(series.labels),
        unit=series.unit,
        times_ms=tuple(round(1000 * at) for at in series.times),
        values=tuple(series.values),
    )
    return kpis(tenant, service=series.service, series=(samples,))


def lines_of(data: IncidentData, tenant: str) -> list[LogBatch]:
    services = sorted({one.service for one in data.logs})
    return [
        logs(
            tenant,
            service=service,
            records=tuple(
                LogLine(
                    at=datetime.fromtimestamp(one.time, tz=UTC),
                    severity=LogSeverity(one.severity),
                    message=one.message,
                    trace_id=one.trace_id,
                )
                for one in data.logs
                if one.service == service
            ),
        )
        for service in services
    ]


def events_of(data: IncidentData, source: Source, tenant: str) -> Sequence[Event]:
    """What is sent of one source."""
    match source:
        case Source.KPIS:
            return [batch_of(one, tenant) for one in data.kpis]
        case Source.LOGS:
            return lines_of(data, tenant)
        case Source.ALARMS:
            return [alarm_of(one, tenant) for one in data.alarms]
        case _:
            return [change_of(one, tenant) for one in data.changes]


def alarm_of(one: AlarmRecord, tenant: str) -> AlarmRaw:
    at = instant(one.time)
    return alarm(
        tenant,
        occurred_at=at,
        started_at=at,
        fingerprint=f"{one.service}-{one.name}-{one.entity}",
        service=one.service,
        name=one.name,
        entity=one.entity,
        indicator=one.indicator,
        summary=one.detail,
    )


def change_of(one: ChangeRecord, tenant: str) -> ChangeRaw:
    kind = ChangeKind(one.kind)
    return change(tenant, occurred_at=instant(one.time), service=one.service, kind=kind, title=one.title)


def window_of(data: IncidentData, *troubled: tuple[float, float]) -> LookWindow:
    window = data.window
    at: dict[str, Any] = {
        name: instant(getattr(window, name)) for name in ("baseline_start", "start", "end", "alarm_at")
    }
    return LookWindow(**at, troubled=tuple(Span(since=instant(a), until=instant(b)) for a, b in troubled))


def instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, tz=UTC)


class Shop:
    """An incident in ClickHouse, as its gathering agents see it."""

    def __init__(self, clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, folder: Path) -> None:
        self._clickhouse, self._landing, self._tenant, self._folder = clickhouse, landing, tenant, folder

    async def looked(
        self,
        data: IncidentData,
        source: Source,
        window: LookWindow | None = None,
        near: tuple[str, ...] = (),
    ) -> Sequence[Evidence]:
        batches = events_of(data, source, self._tenant)
        for first in (0, len(batches)) if batches else ():  # twice, as a source does that was not answered
            await land(self._landing, *batches, first=first)
        async with open_database(self._folder / "control.sqlite") as database:
            windows = ClickHouseWindows(self._clickhouse, ControlStore(database))
            context = context_for(data, windows=windows, request=request_for(data, tenant=self._tenant))
            order = GatherOrder(task=GatherTask(source=source), window=window or window_of(data), near=near)
            return (await _AGENTS[source](order, context))["evidence"]

    async def shown(self, evidence: Evidence) -> list[dict[str, Any]]:
        return [dict(row) for row in (await self._clickhouse.query(Query("again", evidence.query))).rows]
