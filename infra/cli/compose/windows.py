"""The agents' view of telemetry, over ClickHouse and the control plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypedDict, TypeVar

from agents.analysis.findings import Source
from agents.analysis.signals import AlarmRecord, CallStats, ChangeRecord, KpiSeries, LogRecord, Topology
from agents.ports import Delay, Fetched, QueryLimits
from infra.cli.compose.focus import Focus, of_alarms, of_calls, of_changes, of_kpis, of_logs
from infra.cli.compose.service_graphs import EDGE_METRICS, calls_of
from infra.runtime.sql import ControlStore
from schemas.control import ServiceTopology
from schemas.events import AlarmStatus
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries import windows as telemetry
from sinks.clickhouse.queries.alarms import AlarmRow, alarm_window
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.delays import DelayRow, landing_delays
from sinks.clickhouse.query import Answer, Limit

__all__ = ["ClickHouseWindows", "topology_of"]

_T = TypeVar("_T")
_Row = TypeVar("_Row")


class _Limit(TypedDict, total=False):
    limit: Limit


class ClickHouseWindows:
    """Satisfies agents.ports.Windows. Every method may raise UnavailableError."""

    def __init__(
        self, clickhouse: ClickHouse, control: ControlStore, limits: QueryLimits | None = None
    ) -> None:
        self._clickhouse = clickhouse
        self._control = control
        # Without limits each query keeps to its own.
        self._rows: _Limit = {"limit": Limit(limits.rows, limits.seconds)} if limits else {}
        self._samples: _Limit = {"limit": Limit(limits.samples, limits.seconds)} if limits else {}

    def within(self, limits: QueryLimits) -> ClickHouseWindows:
        return ClickHouseWindows(self._clickhouse, self._control, limits)

    async def kpis(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[KpiSeries]:
        found = await telemetry.kpi_window(
            self._clickhouse, Scope(tenant, start, end), services=services, **self._samples
        )
        return _fetched(found, _series, of_kpis(tenant))

    async def alarms(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[AlarmRecord]:
        found = await alarm_window(
            self._clickhouse, Scope(tenant, start, end), services=services, **self._rows
        )
        return _fetched(found, _alarm, of_alarms(tenant))

    async def logs(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[LogRecord]:
        found = await telemetry.log_window(
            self._clickhouse, Scope(tenant, start, end), services=services, **self._rows
        )
        return _fetched(found, _line, of_logs(tenant))

    async def changes(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[ChangeRecord]:
        found = await telemetry.change_window(
            self._clickhouse, Scope(tenant, start, end), services=services, **self._rows
        )
        return _fetched(found, _change, of_changes(tenant))

    async def calls(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[CallStats]:
        """Return what service-graph metrics tell of calls; nothing where nobody sends them."""
        found = await telemetry.kpi_window(
            self._clickhouse,
            Scope(tenant, start, end),
            services=services,
            metrics=EDGE_METRICS,
            **self._samples,
        )
        calls = Answer(calls_of(found.rows), found.info, found.truncated, found.one_in)
        return _fetched(calls, _as_it_is, of_calls(tenant))

    async def topology(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Topology]:
        """Return the configured topology, whole; none where nobody has configured one."""
        del services, start, end
        known = await self._control.topology(tenant)
        items = (topology_of(known),) if known.calls else ()
        return Fetched(items, "-- the control plane's topology document", 0, 0)

    async def delays(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Delay]:
        found = await landing_delays(
            self._clickhouse, Scope(tenant, start, end), services=services, **self._rows
        )
        return _fetched(found, _delay)


def topology_of(known: ServiceTopology) -> Topology:
    """Return the analysis' form of a topology document."""
    calls = {service: frozenset(callees) for service, callees in known.calls.items()}
    nodes = frozenset(calls).union(*calls.values()) if calls else frozenset()
    return Topology(calls=calls, nodes=nodes, hosted_on=dict(known.hosts))


def _fetched(found: Answer[_Row], item: Callable[[_Row], _T], focus: Focus | None = None) -> Fetched[_T]:
    return Fetched(
        tuple(item(row) for row in found.rows),
        found.info.sql,
        found.info.rows_read,
        round(found.info.duration_ms),
        truncated=found.truncated,
        one_in=found.one_in,
        focus=focus,
    )


def _as_it_is(call: CallStats) -> CallStats:
    return call


def _delay(row: DelayRow) -> Delay:
    return Delay(Source(row.table), row.service, row.least_s, row.step_s)


def _line(row: telemetry.LogRow) -> LogRecord:
    return LogRecord(row.at.timestamp(), row.service, row.message, row.severity.value, row.trace_id)


def _change(row: telemetry.ChangeRow) -> ChangeRecord:
    return ChangeRecord(row.occurred_at.timestamp(), row.service, row.kind.value, row.title, row.event_id)


def _series(row: telemetry.KpiSeries) -> KpiSeries:
    return KpiSeries(
        service=row.service,
        metric=row.metric,
        times=row.times_ms / 1000.0,
        values=row.values,
        unit=row.unit,
        labels=row.labels,
    )


def _alarm(row: AlarmRow) -> AlarmRecord:
    return AlarmRecord(
        time=row.occurred_at.timestamp(),
        service=row.service,
        name=row.name,
        severity=row.severity.value,
        entity=row.entity,
        host=row.host,
        kind=row.labels.get("kind", ""),
        indicator=row.indicator,
        detail=row.summary,
        cleared=row.status is AlarmStatus.CLEARED,
    )
