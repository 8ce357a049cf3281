"""Telemetry of which some sources do not answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agents.analysis.findings import Source
from agents.analysis.signals import AlarmRecord, CallStats, ChangeRecord, KpiSeries, LogRecord, Topology
from agents.ports import Delay, Fetched, QueryLimits, Windows
from schemas.errors import UnavailableError

__all__ = ["UnreachableWindows"]


@dataclass(frozen=True, slots=True)
class UnreachableWindows:
    """`Windows` over others: what `away` names raises UnavailableError whenever it is asked."""

    windows: Windows
    away: frozenset[Source]

    def within(self, limits: QueryLimits) -> UnreachableWindows:
        return UnreachableWindows(self.windows.within(limits), self.away)

    async def kpis(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[KpiSeries]:
        self._ask(Source.KPIS)
        return await self.windows.kpis(tenant, services, start, end)

    async def alarms(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[AlarmRecord]:
        self._ask(Source.ALARMS)
        return await self.windows.alarms(tenant, services, start, end)

    async def logs(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[LogRecord]:
        self._ask(Source.LOGS)
        return await self.windows.logs(tenant, services, start, end)

    async def changes(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[ChangeRecord]:
        self._ask(Source.CHANGES)
        return await self.windows.changes(tenant, services, start, end)

    async def calls(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[CallStats]:
        self._ask(Source.TOPOLOGY)
        return await self.windows.calls(tenant, services, start, end)

    async def topology(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Topology]:
        self._ask(Source.TOPOLOGY)
        return await self.windows.topology(tenant, services, start, end)

    async def delays(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Delay]:
        found = await self.windows.delays(tenant, services, start, end)
        return replace(found, items=tuple(one for one in found.items if one.source not in self.away))

    def _ask(self, source: Source) -> None:
        if source in self.away:
            raise UnavailableError(f"the store of {source} does not answer")
